import type { Patch } from './patches.ts';

const config = { file: 'libs/platform/src/config/settings.ts', caughtBy: 'libs/platform/src/config/config.spec.ts' };
const shell = { file: 'infra/shell-environment.mjs', caughtBy: 'infra/shell-environment.spec.ts' };

/** Starting on other people's machines, and speaking to servers outside a mesh. */
export const machinePatches: readonly Patch[] = [
  {
    name: 'a password goes to Kafka as it is, without TLS',
    invariant: 'security',
    ...config,
    find: "mechanism === 'PLAIN' && sasl && !tls",
    replace: "mechanism === 'PLAIN' && sasl && tls",
  },
  {
    name: 'certificates are given and not used, because the protocol is plain text',
    invariant: 'security',
    ...config,
    find: "...(tls ? [] : given('KAFKA_CA_FILE'",
    replace: "...(!tls ? [] : given('KAFKA_CA_FILE'",
  },
  {
    name: 'kafkajs takes an IPv6 address apart at its first colon',
    invariant: 'availability',
    file: 'libs/eventing/src/kafkajs/connection.ts',
    caughtBy: 'infra/servers/ipv6.spec.ts',
    find: "address.replaceAll(':', '_')",
    replace: 'address',
  },
  {
    name: 'the shell of a person reaches servers and services',
    invariant: 'availability',
    ...shell,
    find: "return { ...Object.fromEntries(found), LC_ALL: 'C.UTF-8' };",
    replace: "return { ...process.env, ...Object.fromEntries(found), LC_ALL: 'C.UTF-8' };",
  },
  {
    name: 'own loopback calls go to the proxy',
    invariant: 'availability',
    ...shell,
    find: '[...new Set([...direct, ...loopback])]',
    replace: '[...new Set(direct)]',
  },
];
