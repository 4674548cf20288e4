// A year in the life of a small company's CA, for pictures of the dashboard: told through the API, at the times it happened.
const DAY_MS = 86_400_000;

const PEOPLE = [
  ['Maria Keller', 'Operations', 330, 365, ['laptop']],
  ['Jonas Brandt', 'Operations', 344, 365, ['laptop', 'on call']],
  ['Aylin Demir', 'Finance', 290, 365, ['laptop']],
  ['Tomasz Nowak', 'Development', 262, 365, ['laptop']],
  ['Sofia Rossi', 'Development', 231, 365, ['laptop', 'tablet']],
  ['Henrik Dahl', 'Sales', 205, 365, ['tablet']],
  ['Lucie Martin', 'Sales', 176, 365, ['laptop']],
  ['Oskar Lindqvist', 'Development', 148, 365, ['laptop']],
  ['Priya Nair', 'Finance', 121, 365, ['laptop']],
  ['Ben Carter', 'Operations', 96, 365, ['laptop', 'on call']],
  ['Nora Schmidt', 'Development', 61, 365, ['laptop']],
  ['Elif Kaya', 'Sales', 33, 365, ['tablet']],
];
const SERVICES = ['orders', 'billing', 'inventory', 'search', 'mail-relay', 'reports', 'payments'];
const DEVICES = ['press-01', 'press-02', 'oven-03', 'gate-north', 'gate-south', 'forklift-7', 'scale-2', 'camera-dock'];

/** What happened, oldest first: so many days ago, by whom, which call. */
export function history() {
  const organization = 'Keller Ovens';
  const events = [];
  const issue = (ago, by, body) => events.push({ ago, by, path: '', body: { organization, ...body } });
  const change = (ago, by, identifier, step, body) => events.push({ ago, by, path: `/${identifier}/${step}`, body });
  for (const [name, organizational_unit, ago, days_valid, tags] of PEOPLE) {
    const identifier = name.toLowerCase().replace(' ', '.');
    const email = `${identifier}@keller.example`;
    const body = { common_name: name, identifier, email, organizational_unit, cert_usage: 'vpn', days_valid, tags };
    issue(ago, 'onboarding', { ...body, subject_alt_names: [`email:${email}`], renewal_enabled: false });
  }
  for (const [index, service] of SERVICES.entries()) {
    const host = `${service}.svc.keller.example`;
    const body = {
      common_name: host,
      identifier: service,
      cert_usage: 'api-mtls',
      days_valid: 90,
      tags: ['production'],
    };
    issue(80 - index * 11, 'deployment', { ...body, subject_alt_names: [`dns:${host}`] });
  }
  for (const [index, device] of DEVICES.entries()) {
    const body = {
      common_name: device,
      identifier: device,
      cert_usage: 'iot',
      certificate_type: 'iot',
      tags: ['hall 2'],
    };
    issue(190 - index * 17, 'factory', { ...body, days_valid: 400, subject_alt_names: [`uri:urn:dev:ops:${device}`] });
  }
  issue(120, 'factory', { common_name: 'camera-old', identifier: 'camera-old', cert_usage: 'iot', days_valid: 90 });
  change(11, 'maria', 'henrik.dahl', 'revoke', { reason: 'cessationOfOperation' });
  change(8, 'maria', 'gate-south', 'revoke', { reason: 'keyCompromise' });
  change(3, 'maria', 'sofia.rossi', 'revoke', { reason: 'certificateHold' });
  change(2, 'deployment', 'orders', 'renew', {});
  return events.sort((one, other) => other.ago - one.ago);
}

/** Who acts, each with an API key, from an address of their own. */
export const ACTORS = {
  onboarding: { role: 'operator', address: '10.20.4.11' },
  deployment: { role: 'operator', address: '10.20.7.3' },
  factory: { role: 'operator', address: '10.31.0.20' },
  maria: { role: 'admin', address: '10.20.1.15' },
};

/** A table with two mistakes in it. */
export const TABLE = [
  'common_name,email,organization,country,cert_usage,days_valid',
  'Anna Fischer,anna.fischer@keller.example,Keller Ovens,DE,vpn,365',
  'Luca Moretti,luca.moretti,Keller Ovens,IT,vpn,365',
  'Chloé Bernard,chloe.bernard@keller.example,Keller Ovens,FR,vpn,365',
  'Mateo García,mateo.garcia@keller.example,Keller Ovens,Spain,vpn,365',
  'Jana Novák,jana.novak@keller.example,Keller Ovens,CZ,vpn,365',
].join('\r\n');

/** Tells the history to an app whose clock `travel` sets. @param tokens those of the actors */
export async function tell(app, tokens, travel) {
  const now = Date.now();
  for (const { ago, by, path, body } of history()) {
    travel(new Date(now - ago * DAY_MS));
    const answer = await app.inject({
      method: 'POST',
      url: `/api/client-certs${path}`,
      remoteAddress: ACTORS[by].address,
      headers: { authorization: `Bearer ${tokens[by]}` },
      payload: body,
    });
    if (answer.statusCode >= 400) throw new Error(`${path} ${JSON.stringify(body)}: ${answer.body}`);
  }
}
