import { readFileSync } from 'node:fs';

/** How a broker that is not in a mesh is spoken to; the words are Kafka's own: platform's busSettings. */
export interface KafkaSecuritySettings {
  readonly KAFKA_SECURITY_PROTOCOL?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL' | undefined;
  readonly KAFKA_CA_FILE?: string | undefined;
  readonly KAFKA_CERT_FILE?: string | undefined;
  readonly KAFKA_KEY_FILE?: string | undefined;
  readonly KAFKA_SASL_MECHANISM?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | undefined;
  readonly KAFKA_SASL_USERNAME?: string | undefined;
  readonly KAFKA_SASL_PASSWORD?: string | undefined;
}

/** The same as a client takes it: what is absent is not used. */
export interface KafkaSecurity {
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  };
}

/**
 * Reads the files that the settings name (PEM). Throws where one cannot be read: a start without it would only fail
 * later.
 */
export function kafkaSecurity(settings: KafkaSecuritySettings): KafkaSecurity {
  const {
    KAFKA_SECURITY_PROTOCOL: protocol = 'PLAINTEXT',
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: username = '',
    KAFKA_SASL_PASSWORD: password = '',
  } = settings;
  const file = (name: 'ca' | 'cert' | 'key', path: string | undefined) =>
    path ? { [name]: readFileSync(path, 'utf8') } : {};
  return {
    ...(protocol.endsWith('SSL') && {
      tls: {
        ...file('ca', settings.KAFKA_CA_FILE),
        ...file('cert', settings.KAFKA_CERT_FILE),
        ...file('key', settings.KAFKA_KEY_FILE),
      },
    }),
    ...(protocol.startsWith('SASL_') && mechanism && { sasl: { mechanism, username, password } }),
  };
}
