/** Offers the issuing profiles as `app.profiles`; an operator's own are files of `data/profiles/`. */
import { join } from 'node:path';
import plugin from 'fastify-plugin';
import { Folder } from '../../store/folder.js';
import { ProfileEditor } from './editor.js';
import { Profiles } from './registry.js';

declare module 'fastify' {
  interface FastifyInstance {
    profiles: Profiles;
    profileEditor: ProfileEditor;
  }
}

export const profilesPlugin = plugin(
  async (app) => {
    const { arrears, audit, clock, config } = app;
    const profiles = await Profiles.open(new Folder(join(config.dataDir, 'profiles')));
    app.decorate('profiles', profiles);
    app.decorate('profileEditor', new ProfileEditor({ profiles, audit, arrears, clock }));
  },
  { name: 'profiles', fastify: '5.x', dependencies: ['foundation', 'audit'] },
);
