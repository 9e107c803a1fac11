/**
 * What a pure file may not do, as ESLint rules. The core decides and knows nothing: same input, same output, so that a
 * decision can be repeated after a version conflict, replayed years later and tested without a server.
 */
const why = (what) => `purity: ${what} Pass it in: the core decides and knows nothing.`;

const ambient = {
  'a clock': ['performance', 'Temporal'],
  randomness: ['crypto', 'Crypto'],
  'a timer': [
    'setTimeout',
    'setInterval',
    'setImmediate',
    'clearTimeout',
    'clearInterval',
    'clearImmediate',
    'queueMicrotask',
    'AbortSignal',
  ],
  'the network': ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest'],
  'the process': ['process', 'navigator', 'console', 'localStorage', 'sessionStorage'],
  'a way round these rules': ['globalThis', 'global', 'self', 'eval', 'Function', 'require'],
  'time that passes': ['Promise'],
};

const property = (object, name, what) => ({ object, property: name, message: why(what) });

/** @type {import('eslint').Linter.RulesRecord} */
export const purity = {
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        {
          regex: String.raw`^(?!\./|(\.\./)+([^/]+/)*domain/|@shop/(kernel|contracts)$)`,
          message: why('A pure file imports its own domain folder, @shop/kernel and @shop/contracts, nothing else.'),
        },
      ],
    },
  ],
  'no-restricted-globals': [
    'error',
    ...Object.entries(ambient).flatMap(([what, names]) =>
      names.map((name) => ({ name, message: why(`"${name}" is ${what}.`) })),
    ),
  ],
  'no-restricted-properties': [
    'error',
    property('Date', 'now', 'Date.now() reads a clock.'),
    property('Math', 'random', 'Math.random() is randomness.'),
  ],
};

/** Selectors for `no-restricted-syntax`, kept apart because a rule's options do not merge between configurations. */
export const impureSyntax = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: why('new Date() reads a clock.') },
  { selector: 'CallExpression[callee.name="Date"]', message: why('Date() reads a clock.') },
  { selector: ':function[async=true]', message: why('An async function waits.') },
  { selector: 'AwaitExpression', message: why('await waits.') },
  { selector: 'ForOfStatement[await=true]', message: why('for await waits.') },
  { selector: 'ImportExpression', message: why('import() loads at run time.') },
  { selector: 'MetaProperty[meta.name="import"]', message: why('import.meta knows where it runs.') },
  { selector: 'Decorator', message: why('A decorator is the framework reaching in.') },
];
