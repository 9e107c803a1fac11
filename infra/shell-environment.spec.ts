import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cacheHome } from './cache.ts';
import { inherited } from './environment.ts';
import { ownEnvironment, tidy } from './shell-environment.mjs';

const tidied = (env: NodeJS.ProcessEnv) => {
  tidy(env);
  return env;
};
afterEach(() => vi.unstubAllEnvs());

describe('the environment of a shell', () => {
  it('has no empty variables', () => {
    expect(tidied({ XDG_CACHE_HOME: '', POSTGRES_URL: '', BUS: '', PATH: '/bin' })).toEqual({ PATH: '/bin' });
  });

  it('says nothing of our databases but POSTGRES_URL, and has no options for our Nodes', () => {
    expect(
      tidied({
        PGSSLMODE: 'require',
        PGHOST: 'there',
        PGSERVICEFILE: '/x',
        NODE_OPTIONS: '--throw-deprecation',
        POSTGRES_URL: 'postgres://here',
      }),
    ).toEqual({ POSTGRES_URL: 'postgres://here' });
  });

  it('leaves a proxy to what is fetched, and keeps loopback out of it', () => {
    const env = tidied({ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '.example.com, 10.0.0.0/8' });
    expect(env).toEqual({
      HTTPS_PROXY: 'http://proxy:3128',
      NO_PROXY: env.no_proxy,
      no_proxy: '.example.com,10.0.0.0/8,127.0.0.1,localhost,::1,[::1]',
    });
    expect(tidied({ PATH: '/bin' })).toEqual({ PATH: '/bin' });
  });
});

describe('the environment of what is started', () => {
  it('is of the machine, in UTF-8; nothing in it is of the person', () => {
    for (const [name, value] of Object.entries({
      LANG: 'C',
      LC_ALL: 'POSIX',
      JAVA_TOOL_OPTIONS: '-Xmx1m',
      HTTP_PROXY: 'http://x',
      PGHOST: 'x',
      CLASSPATH: '/x',
      NODE_OPTIONS: '--x',
    }))
      vi.stubEnv(name, value);
    expect(ownEnvironment()).toMatchObject({ PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' });
    expect(Object.keys(ownEnvironment())).toEqual(
      expect.not.arrayContaining(['LANG', 'JAVA_TOOL_OPTIONS', 'HTTP_PROXY', 'PGHOST', 'CLASSPATH', 'NODE_OPTIONS']),
    );
    vi.stubEnv('OTEL_SERVICE_NAME', 'mine');
    expect(inherited()).toEqual({ ...ownEnvironment(), OTEL_SERVICE_NAME: 'mine' });
  });
});

describe('the cache', () => {
  it.each([{ given: '' }, { given: 'relative' }, { given: undefined }])(
    'is in the home folder when XDG_CACHE_HOME is $given',
    ({ given }) => {
      expect(cacheHome(given)).toBe(join(homedir(), '.cache'));
    },
  );

  it('is where an absolute one says', () => expect(cacheHome('/var/cache')).toBe('/var/cache'));
});

describe('a command whose output has no reader any more', () => {
  /**
   * It goes on writing, as `npm start` does, into a pipe whose other end has closed (`npm start | head`); what it says
   * on stderr, and its exit code.
   */
  const withoutReader = (program: string) => {
    const setup = `import { endWithReader } from ${JSON.stringify(new URL('shell-environment.mjs', import.meta.url).href)}; endWithReader();`;
    const args = [
      '-c',
      '{ sleep 0.1; "$0" --input-type=module -e "$1"; echo "exit code $?" >&2; } | true',
      process.execPath,
      `${setup} ${program}`,
    ];
    return spawnSync('/bin/sh', args, { encoding: 'utf8', timeout: 20_000 }).stderr;
  };
  const goesOn = `setInterval(() => process.stdout.write('a line\\n'), 10);`;

  it('ends without a stack', () => expect(withoutReader(goesOn)).toBe('exit code 141\n'));

  it('first stops in good order what it has started', () => {
    expect(
      withoutReader(`process.on('SIGHUP', () => { console.error('stopped'); process.exit(129); }); ${goesOn}`),
    ).toBe('stopped\nexit code 129\n');
  });
});
