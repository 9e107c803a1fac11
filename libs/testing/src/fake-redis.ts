import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What becomes of a command: a reply in RESP, or anything else that is done to its connection. */
export type RedisAnswer = (command: readonly string[], socket: Socket) => string | undefined;

const refuses =
  (words: string): RedisAnswer =>
  () =>
    `-${words}\r\n`;
const replies =
  (reply: string): RedisAnswer =>
  () =>
    reply;
const closes: RedisAnswer = (_command, socket) => void socket.destroy();

/**
 * Every way in which Redis may answer otherwise than its caller expects. Each of them must end in the fail mode that
 * the caller's page documents, never in a failed request.
 */
export const redisRefusals: Readonly<Record<string, RedisAnswer>> = {
  // Of one command or key.
  MOVED: refuses('MOVED 3999 127.0.0.1:6381'),
  ASK: refuses('ASK 3999 127.0.0.1:6381'),
  TRYAGAIN: refuses('TRYAGAIN Multiple keys request during rehashing of slot'),
  CROSSSLOT: refuses("CROSSSLOT Keys in request don't hash to the same slot"),
  WRONGTYPE: refuses('WRONGTYPE Operation against a key holding the wrong kind of value'),
  NOPERM: refuses("NOPERM User default has no permissions to run the 'evalsha' command"),
  NOSCRIPT: refuses('NOSCRIPT No matching script. Please use EVAL.'),
  ERR: refuses("ERR unknown command 'evalsha', with args beginning with: "),
  // Of the server, or the way to it.
  READONLY: refuses("READONLY You can't write against a read only replica."),
  LOADING: refuses('LOADING Redis is loading the dataset in memory'),
  CLUSTERDOWN: refuses('CLUSTERDOWN The cluster is down'),
  OOM: refuses("OOM command not allowed when used memory > 'maxmemory'."),
  NOAUTH: refuses('NOAUTH Authentication required.'),
  WRONGPASS: refuses('WRONGPASS invalid username-password pair or user is disabled.'),
  BUSY: refuses('BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'),
  MASTERDOWN: refuses("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
  NOREPLICAS: refuses('NOREPLICAS Not enough good replicas to write.'),
  MISCONF: refuses(
    'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.',
  ),
  'an error that nobody knows': refuses('SOLARFLARE try another star'),
  silence: () => undefined,
  'a closed connection': closes,
  'bytes that are no RESP': replies('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'a status': replies('+QUEUED\r\n'),
  'a number': replies(':7\r\n'),
  'a text': replies('$5\r\nhello\r\n'),
  'an empty list': replies('*0\r\n'),
  'a list of other things': replies('*2\r\n*1\r\n$1\r\nx\r\n$-1\r\n'),
};

/** Redis with nothing in it and without a memory, which takes whatever it is asked to keep. */
const well: RedisAnswer = ([name = '', ...args]) => {
  switch (name) {
    case 'ping':
      return '+PONG\r\n';
    case 'set':
      return '+OK\r\n';
    case 'get':
      return '$-1\r\n';
    case 'pttl':
      return ':-2\r\n';
    case 'pexpire':
      return ':0\r\n';
    case 'eval':
      return ':0\r\n';
    // The script of the limiter: nothing was owed, one request is given, of each key.
    case 'evalsha':
      return `*${2 * Number(args[1])}\r\n${':0\r\n:1\r\n'.repeat(Number(args[1]))}`;
    default:
      return `-ERR unknown command '${name}'\r\n`;
  }
};

/** A server that greets like Redis, and does with every other command as it is told. */
export class FakeRedis {
  /** Commands that were not part of the greeting, their names in small letters. */
  readonly asked: (readonly string[])[] = [];
  connections = 0;
  answer: RedisAnswer = well;
  /** Whether it refuses a command whose keys lie in several slots, as a node of Redis Cluster does. */
  isCluster = false;
  readonly #sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeRedis> {
    const server = createServer({ noDelay: true }, (socket) => fake.#serve(socket));
    const fake = new FakeRedis(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** From now on it is as well as it was at first. */
  recover(): void {
    this.answer = well;
  }

  stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => void this.server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    let received = '';
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (data) => {
      received += data.toString('latin1');
      for (let read = readCommand(received); read; read = readCommand(received)) {
        received = received.slice(read.length);
        const reply = this.#replyTo(read.command, socket);
        if (reply !== undefined && !socket.destroyed) socket.write(reply);
      }
    });
  }

  #replyTo(command: readonly string[], socket: Socket): string | undefined {
    if (command[0] === 'info') return '$9\r\nloading:0\r\n';
    if (command[0] === 'client') return '+OK\r\n';
    this.asked.push(command);
    if (this.isCluster && new Set(keysOf(command).map(slotOf)).size > 1)
      return redisRefusals['CROSSSLOT']?.(command, socket);
    return this.answer(command, socket);
  }
}

/** The first command of what was received, a list of texts in RESP; undefined where it is not there whole. */
function readCommand(received: string): { command: string[]; length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(received);
  if (!head) return undefined;
  const command: string[] = [];
  let at = head[0].length;
  while (command.length < Number(head[1])) {
    const size = /^\$(\d+)\r\n/.exec(received.slice(at, at + 16));
    const end = at + (size?.[0].length ?? 0) + Number(size?.[1] ?? 0);
    if (!size || received.length < end + 2) return undefined;
    command.push(received.slice(at + size[0].length, end));
    at = end + 2;
  }
  return { command: [command[0]?.toLowerCase() ?? '', ...command.slice(1)], length: at };
}

function keysOf([name = '', ...args]: readonly string[]): string[] {
  if (name === 'eval' || name === 'evalsha') return args.slice(2, 2 + Number(args[1]));
  if (name === 'mget' || name === 'del') return args;
  return args.slice(0, 1);
}

const SLOTS = 16_384;

/**
 * The slot of a key in Redis Cluster: CRC16 (XMODEM) of the part between braces, where there is one, else of the whole
 * key.
 */
function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(/\{([^}]+)\}/.exec(key)?.[1] ?? key, 'latin1')) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}
