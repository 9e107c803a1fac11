import { DomainError } from '@shop/kernel';
import { runningShop } from '../running.ts';
import { Obstacle } from '../state.ts';
import { forgetAgreed, showAgreement } from './agreement.ts';
import { parse, type Command, type Surroundings } from './arguments.ts';
import { listDeadLetters, replayDeadLetters, showDeadLetter } from './dead-letters.ts';
import { showHistory } from './history.ts';
import { putBackRejected, showOutbox } from './outbox.ts';
import { announce } from './announce.ts';
import { listMails, resendMails } from './mails.ts';
import { askOutcomes, listOutcomes } from './outcomes.ts';
import { changePartitions } from './topics.ts';
import { reconcile } from './reconcile.ts';
import { listParked, releaseParked } from './parked.ts';
import { checkProjection, rebuildProjection } from './projections.ts';

const usage = `npm run events -- <command>     for whoever operates the shop that runs here

  parked list [--consumer c] [--key k] [--reason text]
      keys whose messages wait because one of them could not be handled
  parked release --consumer c [--key k] [--reason text] [--skip-dead]
      works them off now, in order, also poison once its cause is gone; --skip-dead goes on without the poison message itself
  dead-letters list [--consumer c] [--key k] [--reason text]
      messages that could never be handled
  dead-letters show <consumer>.dead-letters:<partition>:<offset>
      one of them, whole
  dead-letters replay [--consumer c] [--key k] [--reason text] [--rate 10] [--yes]
      says what it would send again to the topics they came from; with --yes it does, so many a second at most
  agreement show
      what all instances of each service must agree on: outbox driver, shards, bus and its client, partitions, topics of messages
  agreement forget <service>
      lets the next start say it anew, on purpose: when no instance runs and nothing waits
  outbox status
      for each service: messages that wait to be published, how long, by shard, or the slot of the log;
      who publishes them; what is held because its destination does not take it; what the broker refused
  outbox put-back <service> [--key k] [--topic t]
      has the relay publish what the broker refused, in the order of each key, once its cause is gone
  mails list [--key order] [--reason text]
      mails that did not arrive: given up, or still tried
  mails resend [--key order] [--reason text] [--yes]
      says how many it would send again now; with --yes it does
  outcomes list [--key order]
      payments that the provider has not answered for, and when its ledger is looked at next
  outcomes ask [--key order]
      has payments look now, and waits for what comes of it
  announce products
      leaves every product in catalog's outbox again as it is, also while products change: for a copy that lacks some
  topics partitions <topic> <n>
      gives a topic that many partitions, more than it has, without loss of order: pauses the relays that publish to it, waits until its
      consumers have read everything, adds partitions, and lets go on
  reconcile <service> --after-restore [--since 2026-01-31T12:00:00Z] [--accept]
      the database of the service was put back to an older state: says what the topics and the provider's ledger have that it lacks, and what
      cannot be put back; with --accept puts it back, has its consumers read again what they read since, and lets the service start
  projection check orders
      whether the list of orders is what the orders' events make it, each at a recorded version: both hashes
  projection rebuild orders
      makes it anew from the events, in place, while orders flow and are listed; then checks
  history <order> [--version n | --at 2026-01-31T12:00:00Z]
      the order as it is, or as it was then

Releases, replays, rebuilds, what was done after a restore, announcements, messages put back and questions to the provider are written down in the table operator_actions of the service's database. Exit code 1: it did not come out as asked.
`;

const commands: Record<string, Command> = {
  'parked list': listParked,
  'parked release': releaseParked,
  'dead-letters list': listDeadLetters,
  'dead-letters show': showDeadLetter,
  'dead-letters replay': replayDeadLetters,
  'agreement show': showAgreement,
  'agreement forget': forgetAgreed,
  'outbox status': showOutbox,
  'outbox put-back': putBackRejected,
  'mails list': listMails,
  'mails resend': resendMails,
  'outcomes list': listOutcomes,
  'outcomes ask': askOutcomes,
  announce,
  'topics partitions': changePartitions,
  reconcile,
  'projection check': checkProjection,
  'projection rebuild': rebuildProjection,
  history: showHistory,
};

const here: Surroundings = { shop: runningShop, say: (line) => void process.stdout.write(`${line}\n`) };

/** `npm run events`. Returns the exit code; throws an Obstacle for what cannot be done. */
export async function eventsCommand(args: string[], surroundings = here): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help || positionals.length === 0) {
    surroundings.say(usage);
    return values.help ? 0 : 1;
  }
  const name = Object.keys(commands).find((each) => positionals.slice(0, each.split(' ').length).join(' ') === each);
  const command = name === undefined ? undefined : commands[name];
  if (!name || !command)
    throw new Obstacle(
      `There is no command "${positionals.join(' ')}": ${Object.keys(commands).join(', ')}. See --help.`,
    );
  try {
    return await command(values, positionals.slice(name.split(' ').length), surroundings);
  } catch (error) {
    // A refusal is a sentence already.
    throw error instanceof DomainError ? new Obstacle(error.message) : error;
  }
}
