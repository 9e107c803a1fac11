import { connect, isIP, isIPv6 } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import type { KafkaBusOptions } from '../kafka/connection.ts';

const KEEP_ALIVE_MS = 60_000;

/**
 * What kafkajs is told of the brokers and how to speak to them. It takes "host:port" apart at the first colon, which an
 * IPv6 address has within: such a one is named with underlines instead, which no host name has, until the socket is
 * opened.
 */
export function brokersOf({
  brokers,
  security = {},
}: KafkaBusOptions): Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl' | 'socketFactory'> {
  const { tls, sasl } = security;
  return {
    brokers: brokers.map((broker) =>
      broker.replace(/^\[([^\]]+)\]/, (_, address: string) => address.replaceAll(':', '_')),
    ),
    ...(tls && { ssl: { ...tls } }),
    ...(sasl && { sasl: { ...sasl, mechanism: sasl.mechanism.toLowerCase() } as SASLOptions }),
    socketFactory: ({ host: named, port, ssl, onConnect }) => {
      const host = isIPv6(named.replaceAll('_', ':')) ? named.replaceAll('_', ':') : named;
      const socket = ssl
        ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
        : connect({ host, port }, onConnect);
      return socket.setKeepAlive(true, KEEP_ALIVE_MS);
    },
  };
}
