import { describe, expect, it } from 'vitest';
import { checkSettings } from './user-settings.ts';

describe('what a shell says of all services', () => {
  it('is taken where it can be, whatever its case', async () => {
    await expect(
      checkSettings(() => {}, {
        LOG_LEVEL: 'DEBUG',
        OUTBOX_DRIVER: 'wal',
        RATE_LIMITS: 'off',
        KAFKA_CLIENT: '',
        SHED_LOOP_DELAY_MS: '0',
      }),
    ).resolves.toBeUndefined();
  });

  it.each([
    ['LOG_LEVEL', 'loud', '"debug"'],
    ['KAFKA_CLIENT', 'librdkafka', '"kafkajs"'],
    ['OUTBOX_DRIVER', 'log', '"wal"'],
    ['RATE_LIMITS', 'none', 'class.who=count/seconds'],
    ['MAX_CONNECTIONS', 'many', 'number'],
  ])('%s=%s is refused before anything is started, with what may stand there', async (name, value, allowed) => {
    await expect(checkSettings(() => {}, { [name]: value })).rejects.toThrow(
      new RegExp(`^${name}: .*${allowed}.*\n.*Nothing was started`),
    );
  });

  it('and means other programs is said, and left out of the environment', async () => {
    const said: string[] = [];
    const env = {
      OTEL_METRICS_EXPORTER: 'console',
      OTEL_TRACES_SAMPLER_ARG: 'all',
      OTEL_PROPAGATORS: 'b3',
      OTEL_LOGS_EXPORTER: 'otlp',
    };
    await checkSettings((line) => said.push(line), env);
    expect(env).toEqual({ OTEL_PROPAGATORS: 'b3', OTEL_LOGS_EXPORTER: 'otlp' });
    expect(said).toEqual([
      expect.stringMatching(/^OTEL_METRICS_EXPORTER: .*"prometheus".*Left out here$/),
      expect.stringMatching(/^OTEL_TRACES_SAMPLER_ARG: /),
    ]);
  });
});
