import { readCachedProjectGraph } from '@nx/devkit';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';
import { fileNames } from './tools/file-names.mjs';
import { oneForm } from './tools/one-form.mjs';
import { impureSyntax, purity } from './tools/purity.mjs';

try {
  readCachedProjectGraph();
} catch {
  // Without the graph @nx/enforce-module-boundaries skips itself and ESLint would exit 0.
  throw new Error('Lint through nx, which knows how projects depend on each other: npx nx run-many -t lint');
}

// A contract is a suite that several specs run; a fixture, and what lies in e2e/, is what they run on. None of it is
// shipped.
const specs = ['**/*.{spec,contract,fixture}.ts', '**/e2e/**/*.ts'];
const pure = ['libs/kernel/src/**/*.ts', '**/domain/**/*.ts'];

const only = (sourceTag, ...onlyDependOnLibsWithTags) => ({ sourceTag, onlyDependOnLibsWithTags });
/** Who may import whom. Testing stands low, beside contracts, so that the specs of every lib above can use it. */
const boundaries = {
  allow: [],
  enforceBuildableLibDependency: false,
  // A command may load a library only when it gets that far.
  checkDynamicDependenciesExceptions: ['.*'],
  depConstraints: [
    only('lib:kernel'),
    only('lib:contracts', 'lib:kernel'),
    only('lib:testing', 'lib:kernel', 'lib:contracts'),
    only('lib:platform', 'lib:kernel', 'lib:contracts', 'lib:testing'),
    only('lib:eventing', 'lib:kernel', 'lib:contracts', 'lib:platform', 'lib:testing'),
    only('type:app', 'type:lib'),
    only('type:infra', 'type:lib', 'type:app'),
    only('type:practice', 'type:lib', 'type:app', 'type:infra'),
    only('type:load', 'type:lib', 'type:infra'),
    only('type:tool', 'type:lib', 'type:infra'),
  ],
};

const frontDoors = {
  regex: '^@shop/(?!infra/)[^/]+/',
  message: 'A project is used by its front door: import "@shop/<name>", and export there what others need.',
};
const specsOnly = { regex: '^(@shop/testing|vitest|fast-check)$', message: 'Only specs may import this.' };
const checkerOnly = {
  regex: '^(@shop/(?!contracts$|testing$)|@platformatic/|\\.\\./)',
  message: 'The checker shares nothing with what it judges but the contracts, and reads Kafka by another client.',
};
const notUsed = {
  paths: [
    {
      name: '@nestjs/common',
      importNames: ['forwardRef'],
      message: 'Two providers that need each other are one, or a third is missing.',
    },
    {
      name: '@nestjs/cqrs',
      message: 'Wiring mistakes would show only at run time: docs/adr/0004-no-nestjs-cqrs-no-nest-kafka.md',
    },
    {
      name: '@nestjs/microservices',
      message: 'One bad message blocks its partition: docs/adr/0004-no-nestjs-cqrs-no-nest-kafka.md',
    },
  ],
};

const plainSyntax = [
  { selector: 'ExportDefaultDeclaration', message: 'Named exports only: a thing has one name everywhere.' },
  {
    selector: 'TSInterfaceDeclaration[id.name=/^I[A-Z][a-z]/]',
    message: 'No "I" prefix: name the thing, not its kind.',
  },
  {
    selector: ':matches(ClassDeclaration, TSInterfaceDeclaration)[id.name=/(Impl|Base|Manager|Helper)$/]',
    message: 'Say what it does: no Impl, Base, Manager, Helper.',
  },
];

/** A path is judged as it was routed, by its one spelling: libs/platform/src/http/request-target.ts. */
const rawUrl =
  'Ask targetOf(request): a raw URL is another for each spelling of a path, and the router takes all of them for one.';
const rawUrls = [
  {
    selector: 'MemberExpression[object.name=/^(request|req|raw)$/][property.name=/^(url|originalUrl)$/]',
    message: rawUrl,
  },
  {
    selector: 'MemberExpression[object.property.name=/^(request|raw)$/][property.name=/^(url|originalUrl)$/]',
    message: rawUrl,
  },
  {
    selector:
      'ObjectPattern[typeAnnotation.typeAnnotation.typeName.name=/^(FastifyRequest|IncomingMessage)$/] > Property[key.name=/^(url|originalUrl)$/]',
    message: rawUrl,
  },
];
const rawText = {
  selector: 'Property[key.name="parseAs"][value.value="string"]',
  message: 'Use addTextParser: Fastify takes what is no UTF-8 for U+FFFD (libs/platform/src/http/text-bodies.ts).',
};

/**
 * Where the wall clock is asked: for a fact that is stored, for what another party or a person is told, or for what a
 * token says of it. Durations are measured elsewhere.
 */
const wallClocks = [
  // Facts.
  'apps/auth/src/accounts/accounts.ts',
  'apps/orders/src/orders.ts',
  'apps/orders/src/product-copy.ts',
  'libs/eventing/src/outgoing.ts',
  'libs/eventing/src/settling.ts',
  'libs/eventing/src/wal-stream.ts',
  // Postgres' protocol.
  'libs/eventing/src/wal-protocol.ts',
  // How late a message is, told to people and, beyond ten seconds, to its producer; and a window of days.
  'libs/eventing/src/consumer-runtime.ts',
  'libs/eventing/src/checkpoints.ts',
  'libs/eventing/src/operations/dead-letters.ts',
  // The end of a token, turned into a duration once; and of a sealed first step, which another instance may open.
  'apps/auth/src/account-page/account-session.ts',
  'apps/auth/src/passkeys/passkeys.ts',
  'apps/auth/src/password/password.controller.ts',
  'apps/auth/src/sign-in/sign-in.controller.ts',
  'libs/platform/src/auth/token-verifier.ts',
  'apps/gateway/src/graph/subscriptions/protocol.ts',
];

export default tseslint.config(
  { ignores: ['**/dist/', '**/generated/', '.cache/', '.nx/', '.state*/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    plugins: { '@nx': nx, shop: fileNames, 'one-form': oneForm },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundaries],
      'shop/file-name': 'error',
      'no-restricted-imports': ['error', { ...notUsed, patterns: [frontDoors, specsOnly] }],
      'no-restricted-syntax': ['error', ...plainSyntax],
      // The few rules worth a type check: each finds a promise nobody waits for or a case nobody wrote.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      eqeqeq: 'error',
      'no-empty': 'error',
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'with-single-extends' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      'max-lines': ['warn', 200],
      'max-lines-per-function': ['warn', 40],
      'max-depth': ['warn', 3],
      'max-params': ['warn', 4],
    },
  },
  { files: ['{apps,libs}/**/*.ts'], rules: { 'no-console': 'error' } },
  {
    files: ['{apps,libs}/**/*.ts'],
    ignores: [...specs, 'libs/contracts/src/api/primitives.ts'],
    rules: { 'one-form/id': 'error' },
  },
  { files: ['{apps,libs}/**/*.ts'], ignores: [...specs, ...wallClocks], rules: { 'one-form/clock': 'error' } },
  {
    files: ['{apps,libs,infra}/**/*.ts'],
    ignores: [...specs, 'libs/kernel/src/currencies.ts'],
    rules: { 'one-form/money': 'error' },
  },
  {
    files: ['{apps,libs}/**/*.ts'],
    ignores: [...specs, ...pure, 'libs/platform/src/http/request-target.ts'],
    rules: { 'no-restricted-syntax': ['error', ...plainSyntax, ...rawUrls, rawText] },
  },
  {
    files: [...specs, '{libs/testing,tools}/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { ...notUsed, patterns: [frontDoors] }],
      'max-lines-per-function': 'off',
    },
  },
  {
    // What judges the product must not be built of it.
    files: ['practices/checker/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { ...notUsed, patterns: [checkerOnly] }] },
  },
  {
    // The one place for Nest's own transport: where it is measured against ours.
    files: ['practices/dead-letters/nest-consumer.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: notUsed.paths.filter(({ name }) => name !== '@nestjs/microservices'),
          patterns: [frontDoors, specsOnly],
        },
      ],
    },
  },
  {
    files: pure,
    ignores: [...specs, 'libs/kernel/src/spec.ts'],
    rules: { ...purity, 'no-restricted-syntax': ['error', ...plainSyntax, ...impureSyntax] },
  },
);
