/**
 * The environment of the shell that a command was started from belongs to a person and to all of that person's other
 * programs. This is the one place that says what of it means something here. Plain JavaScript, because
 * tools/bootstrap.mjs calls it before anything is installed.
 */
import http from 'node:http';

/** Addresses that no proxy can reach for us: every server and service listens on one of them. */
const loopback = ['127.0.0.1', 'localhost', '::1', '[::1]'];
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];

/**
 * Takes out of an environment what would change the meaning of our own connections and processes:
 * - an empty variable counts as not set;
 * - libpq's variables (PGSSLMODE, PGOPTIONS, PGSERVICE ...) speak of another server than ours: POSTGRES_URL says all
 *   about the one that is to be used;
 * - options for Node and for Java's virtual machine are meant for programs of another size; tools that fetch keep
 *   MAVEN_OPTS;
 * - a proxy is for what is fetched, never for loopback.
 * @param {NodeJS.ProcessEnv} env changed in place
 */
export function tidy(env) {
  for (const [name, value] of Object.entries(env)) {
    if (value === '' || /^PG[A-Z]+$/.test(name) || name === 'NODE_OPTIONS') delete env[name];
  }
  if (!proxies.some((name) => name in env)) return;
  const direct = [env.no_proxy, env.NO_PROXY].flatMap((list) => list?.split(/[\s,]+/) ?? []).filter(Boolean);
  env.NO_PROXY = env.no_proxy = [...new Set([...direct, ...loopback])].join(',');
}

/** Does so for this process; Node has read its proxies already. */
export function tidyThisProcess() {
  tidy(process.env);
  if (process.env.NODE_USE_ENV_PROXY === '1' && 'NO_PROXY' in process.env) http.setGlobalProxyFromEnv?.(process.env);
}

/**
 * Ends the command when the program that reads its output has ended (`npm start | head`), as the terminal's going away
 * would: in good order where it has something to stop, else at once.
 */
export function endWithReader() {
  let gone = false;
  const end = (error) => {
    if (error.code !== 'EPIPE') throw error;
    if (gone) return;
    gone = true;
    if (process.listenerCount('SIGHUP') > 0) process.emit('SIGHUP', 'SIGHUP');
    else process.exit(141); // as a shell tells SIGPIPE
  };
  for (const stream of [process.stdout, process.stderr]) stream.on('error', end);
}

/** What any process needs of the machine. */
const ofTheMachine = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'SystemRoot', 'NODE_EXTRA_CA_CERTS', 'JAVA_HOME'];

/**
 * The environment of a server or service that is started here: what it needs of the machine, names of files in UTF-8
 * whatever the terminal's language (Java reads and writes names in that of its environment), and nothing else.
 */
export function ownEnvironment() {
  const found = ofTheMachine.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  return { ...Object.fromEntries(found), LC_ALL: 'C.UTF-8' };
}
