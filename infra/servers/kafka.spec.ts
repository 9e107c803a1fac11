import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kafkaObstacle } from './kafka.ts';

let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'bin-'));
  vi.stubEnv('PATH', bin);
  program('mvn', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(bin, { recursive: true });
});

function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

describe('native Kafka', () => {
  it.each([
    ['without Java', undefined, 'there is none'],
    [
      'with what macOS has in the place of Java',
      'echo "Unable to locate a Java Runtime." >&2; exit 1',
      'there is none',
    ],
    ['with Java 8', `echo 'java version "1.8.0_402"' >&2`, 'this is Java 8'],
    ['with Java 11', `echo 'openjdk version "11.0.2" 2019-01-15' >&2`, 'this is Java 11'],
  ])('%s is done without, and the next step is said', (_, java, why) => {
    if (java !== undefined) program('java', java);
    expect(kafkaObstacle()).toContain(`Java 17 or newer (${why}): install it`);
  });

  it('with Java 17 and Maven has no obstacle', () => {
    program('java', `printf 'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\\nopenjdk version "17.0.15" 2025-04-15\\n' >&2`);
    expect(kafkaObstacle()).toBeUndefined();
  });
});
