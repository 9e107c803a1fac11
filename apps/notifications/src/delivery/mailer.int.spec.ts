import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeMailer } from './fake-mailer.ts';
import { Undeliverable, type Envelope, type Mailer } from './mailer.ts';
import { SmtpMailer } from './smtp-mailer.ts';

const root = new URL('../../../../', import.meta.url);
let catcher: ChildProcess;
let mailDir: string;
let listening: { smtp: string; web: string };

beforeAll(async () => {
  mailDir = await mkdtemp(join(tmpdir(), 'mails-'));
  catcher = fork(fileURLToPath(new URL('infra/simulators/mail.ts', root)), {
    execArgv: ['--import', new URL('tools/ts.mjs', root).href],
    env: { ...process.env, PORT: '0', SMTP_PORT: '0', MAIL_DIR: mailDir },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  [{ listening }] = (await once(catcher, 'message')) as [{ listening: typeof listening }];
}, 30_000);

afterAll(async () => {
  catcher.kill('SIGKILL');
  await rm(mailDir, { recursive: true });
});

const mail: Envelope = {
  to: { address: 'ada@example.com' },
  messageId: '<event-1@shop.example>',
  subject: 'Your order is confirmed – ✓',
  text: 'Total: €39.98\n',
  html: '<p>Total: <strong>€39.98</strong></p>',
};

interface Adapter {
  readonly mailer: Mailer;
  received(): Promise<{ id: string; to: string; subject: string; text: string; html: string }[]>;
}
interface Caught {
  headers: Record<string, string>;
  to: { address: string }[];
  subject: string;
  text: string;
  html: string;
}

const adapters: [string, () => Promise<Adapter>][] = [
  [
    'fake',
    async () => {
      const mailer = new FakeMailer();
      const received = async () =>
        mailer.outbox.map(({ messageId, to, subject, text, html }) => ({
          id: messageId,
          to: to.address,
          subject,
          text,
          html,
        }));
      return { mailer, received };
    },
  ],
  [
    'smtp',
    async () => {
      await fetch(`${listening.web}/api/email/all`, { method: 'DELETE' });
      return {
        mailer: new SmtpMailer({ url: listening.smtp, from: 'Shop <no-reply@shop.example>', connections: 2 }),
        received: async () => {
          const caught = (await (await fetch(`${listening.web}/api/email`)).json()) as Caught[];
          return caught.map(({ headers, to, subject, text, html }) => ({
            id: headers['message-id'] ?? '',
            to: to[0]?.address ?? '',
            subject,
            text,
            html,
          }));
        },
      };
    },
  ],
];

describe.each(adapters)('every mailer (%s)', (_name, open) => {
  let adapter: Adapter;
  beforeEach(async () => {
    adapter = await open();
    return () => adapter.mailer.close();
  });

  it('hands over subject, text, HTML and the id it was told', async () => {
    await adapter.mailer.send(mail);
    const [received] = await adapter.received();
    expect(received).toMatchObject({ id: mail.messageId, to: mail.to.address, subject: mail.subject });
    expect(received?.text.trim()).toBe(mail.text.trim());
    expect(received?.html).toContain('<strong>€39.98</strong>');
  });

  it('sends many side by side', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => adapter.mailer.send({ ...mail, messageId: `<event-${n}@shop.example>` })),
    );
    expect(new Set((await adapter.received()).map((one) => one.id)).size).toBe(20);
  });
});

describe('the SMTP mailer', () => {
  const servers: Server[] = [];
  afterAll(() => servers.forEach((server) => server.close()));

  /** A mail server that answers every recipient with the same words. */
  async function serverThatSays(answer: string): Promise<string> {
    const server = createServer((socket) => {
      socket.write('220 here\r\n');
      socket.on('error', () => {});
      socket.on('data', (data) => socket.write(`${/^RCPT/i.test(data.toString()) ? answer : '250 fine'}\r\n`));
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const sendTo = async (url: string) => {
    const mailer = new SmtpMailer({ url, from: 'no-reply@shop.example', connections: 1 });
    return mailer.send(mail).finally(() => mailer.close());
  };

  it('knows that a recipient who does not exist will not exist later', async () => {
    await expect(sendTo(await serverThatSays('550 no such person: ada@example.com'))).rejects.toEqual(
      new Undeliverable('smtp-550'),
    );
  });

  it('takes a full mailbox for something that passes', async () => {
    const failure = await sendTo(await serverThatSays('452 mailbox full')).catch((error: unknown) => error);
    expect(failure).not.toBeInstanceOf(Undeliverable);
    expect(failure).toMatchObject({ responseCode: 452 });
  });

  it('fails at once where nobody listens', async () => {
    const failure = await sendTo('smtp://127.0.0.1:1').catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ESOCKET' });
  });
});
