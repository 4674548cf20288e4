/** Offers the settings as `app.settings`. Whoever obeys one reads it there each time, or subscribes. */
import plugin from 'fastify-plugin';
import { readConfig } from '../../config.js';
import { Folder } from '../../store/folder.js';
import type { SettingsValues } from './schema.js';
import { Settings } from './settings.js';

declare module 'fastify' {
  interface FastifyInstance {
    settings: Settings;
  }
}

export interface SettingsOptions {
  /** The limits that hold where none is set. */
  rateLimits: SettingsValues['rate_limits'];
}

export const settingsPlugin = plugin(
  async (app, { rateLimits }: SettingsOptions) => {
    const { arrears, audit, clock, config } = app;
    const usual = readConfig({});
    const settings = await Settings.open({
      files: new Folder(config.dataDir),
      defaults: {
        rate_limits: { ...rateLimits },
        renewal: { enabled: true, cron: config.renewalCron },
        issuance: { default_days: 365, default_key_type: config.defaultKeyType },
        appearance: { instance_name: 'CertMate', accent: 'blue' },
      },
      fromEnvironment: [
        ...(config.renewalCron === usual.renewalCron ? [] : ['renewal.cron']),
        ...(config.defaultKeyType === usual.defaultKeyType ? [] : ['issuance.default_key_type']),
      ],
      audit,
      arrears,
      clock,
    });
    app.decorate('settings', settings);
  },
  { name: 'settings', fastify: '5.x', dependencies: ['foundation', 'audit'] },
);
