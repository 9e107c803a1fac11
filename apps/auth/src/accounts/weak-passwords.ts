import { dictionary } from '@zxcvbn-ts/language-common';

/** The 49,233 passwords that leak most often, in lower case (the list of zxcvbn; MIT). */
const common: ReadonlySet<string> = new Set(dictionary['passwords-common'] as readonly string[]);

/** Words that a guesser tries first at this shop, whoever the customer is. */
const ofTheShop = ['ablation', 'shop'];
/** A context word shorter than this is part of too many good passwords. */
const shortestWord = 4;
/** Characters beside a known word from which on the rest is worth guessing by itself: eight digits are 26 bits. */
const enoughBeside = 8;

/** Whose password it is to be: what a guesser knows of them. */
export interface PasswordOwner {
  readonly email: string;
  readonly name: string;
}

/**
 * Why a password of the right length is still one that guessers try early; undefined when it is not. Refused are the
 * common ones, a common one with a few digits or symbols around it, a short piece that repeats, a run along the
 * alphabet or the digits, and what is mostly the owner's own address or name, or the shop's (ASVS 5.0 6.2.4, 6.2.11,
 * 6.2.12).
 */
export function weaknessOf(password: string, owner: PasswordOwner): string | undefined {
  const text = password.normalize('NFKC').toLowerCase();
  const piece = repeatedPiece(text);
  if (piece.length < text.length && (piece.length <= shortestWord || common.has(piece)))
    return 'It repeats itself. Choose another one.';
  if (isRun(text)) return 'It runs along the alphabet or the digits. Choose another one.';
  if (isMostlyContext(text, owner))
    return 'It is made of your address, your name or the name of the shop. Choose another one.';
  return common.has(text) || common.has(coreOf(text))
    ? 'Too many people use it, so it is guessed first. Choose another one.'
    : undefined;
}

/** The shortest text whose repetition, the last one possibly cut short, is the whole. */
function repeatedPiece(text: string): string {
  for (let length = 1; length <= text.length / 2; length++) {
    if (text.slice(length) === text.slice(0, -length)) return text.slice(0, length);
  }
  return text;
}

/**
 * Each character follows the one before it, upwards or downwards, in the alphabet or the digits (9 is followed by 0).
 */
function isRun(text: string): boolean {
  const steps = new Set(Array.from({ length: text.length - 1 }, (_, at) => stepOf(text, at)));
  return steps.size === 1 && (steps.has(1) || steps.has(-1));
}

function stepOf(text: string, at: number): number {
  const [one, next] = [text[at]!, text[at + 1]!];
  if (one + next === '90') return 1;
  if (one + next === '09') return -1;
  return next.charCodeAt(0) - one.charCodeAt(0);
}

/** Without the digits and symbols at its ends, where those are too few to be worth guessing. */
function coreOf(text: string): string {
  const core = text.replace(/^[^\p{L}]+/u, '').replace(/[^\p{L}]+$/u, '');
  return core.length >= shortestWord && text.length - core.length < enoughBeside ? core : text;
}

function isMostlyContext(text: string, { email, name }: PasswordOwner): boolean {
  const words = [email, ...email.split(/[@.+_-]/), ...name.split(' '), name, ...ofTheShop].map((word) =>
    word.normalize('NFKC').toLowerCase(),
  );
  const known = words.filter((word) => word.length >= shortestWord).sort((one, other) => other.length - one.length);
  const rest = known.reduce((left, word) => left.replaceAll(word, ''), text);
  return rest.length < text.length && rest.length < enoughBeside;
}
