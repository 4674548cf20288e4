/** Offers the issuing profiles as `app.profiles`; an operator's own are files of `data/profiles/`. */
import { join } from 'node:path';
import plugin from 'fastify-plugin';
import { Folder } from '../../store/folder.js';
import { Profiles } from './registry.js';

declare module 'fastify' {
  interface FastifyInstance {
    profiles: Profiles;
  }
}

export const profilesPlugin = plugin(
  async (app) => {
    app.decorate('profiles', await Profiles.open(new Folder(join(app.config.dataDir, 'profiles'))));
  },
  { name: 'profiles', fastify: '5.x', dependencies: ['foundation', 'audit'] },
);
