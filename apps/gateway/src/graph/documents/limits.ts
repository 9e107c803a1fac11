import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type FragmentDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';

/** What one operation may ask for. Everything beyond is refused before anything is executed, each with its own code. */
export const limits = {
  /** Characters of a document. */
  characters: { most: 10_000, code: 'query-too-long', what: 'characters of the document' },
  tokens: { most: 1_000, code: 'query-too-many-tokens', what: 'words and signs of the document' },
  depth: { most: 8, code: 'query-too-deep', what: 'levels of fields below each other' },
  aliases: { most: 20, code: 'query-too-many-aliases', what: 'renamed fields' },
  directives: { most: 20, code: 'query-too-many-directives', what: 'directives' },
  fragments: { most: 20, code: 'query-too-many-fragments', what: 'fragments' },
  roots: { most: 10, code: 'query-too-many-roots', what: 'fields of a query at the root' },
  mutations: {
    most: 1,
    code: 'query-too-many-mutations',
    what: 'fields of a mutation, since one Idempotency-Key is about one of them',
  },
  cost: { most: 5_000, code: 'query-too-costly', what: 'objects that may be read for it, as its page sizes say' },
} as const satisfies Record<string, Limit>;

interface Limit {
  readonly most: number;
  readonly code: string;
  readonly what: string;
}

/** Says no for one limit. */
export function beyond({ most, code, what }: Limit): GraphQLError {
  return new GraphQLError(`At most ${most} ${what}.`, { extensions: { code } });
}

/**
 * Counts while graphql-js validates; it walks a document once for all rules, and knows no cycle that it has not refused
 * itself.
 */
export const limitRules: readonly ValidationRule[] = [
  counting(limits.aliases, (hit) => ({ Field: ({ alias }) => (alias ? hit() : undefined) })),
  counting(limits.directives, (hit) => ({ Directive: hit })),
  counting(limits.fragments, (hit) => ({ FragmentDefinition: hit, InlineFragment: hit })),
  (context) => ({
    OperationDefinition({ operation, selectionSet }) {
      const limit = operation === 'query' ? limits.roots : limits.mutations;
      if (fieldsOf(selectionSet, context) > limit.most) context.reportError(beyond(limit));
      if (depthOf(selectionSet, context) > limits.depth.most) context.reportError(beyond(limits.depth));
    },
  }),
];

/** Tells once, at the first one too many. */
function counting(limit: Limit, visitor: (hit: () => void) => ASTVisitor): ValidationRule {
  return (context) => {
    let count = 0;
    return visitor(() => void (++count === limit.most + 1 && context.reportError(beyond(limit))));
  };
}

/** How many fields a selection comes to at its own level, fragments taken for what they hold. */
function fieldsOf(set: SelectionSetNode, context: ValidationContext): number {
  return fold(set, context, { field: () => 1, join: (counts) => counts.reduce((sum, count) => sum + count, 0) });
}

/**
 * How many levels of fields there are. What the schema says of itself has a bound of graphql-js's own
 * (MaxIntrospectionDepthRule).
 */
function depthOf(set: SelectionSetNode, context: ValidationContext): number {
  const join = (depths: readonly number[]) => Math.max(0, ...depths);
  return fold(set, context, {
    field: (name, below, again) => (name.startsWith('__') ? 1 : 1 + (below ? again(below) : 0)),
    join,
  });
}

interface Folding {
  field(name: string, below: SelectionSetNode | undefined, again: (set: SelectionSetNode) => number): number;
  join(values: readonly number[]): number;
}

/**
 * Each fragment is looked at once, so that fragments which double each other cost no more than they are long; one
 * within itself counts as nothing.
 */
function fold(set: SelectionSetNode, context: ValidationContext, { field, join }: Folding): number {
  const known = new Map<string, number>();
  const ofFragment = (fragment: FragmentDefinitionNode | null | undefined) => {
    if (!fragment) return 0;
    const name = fragment.name.value;
    if (!known.has(name)) {
      known.set(name, 0);
      known.set(name, of(fragment.selectionSet));
    }
    return known.get(name) ?? 0;
  };
  const of = (within: SelectionSetNode): number =>
    join(
      within.selections.map((selection) => {
        if (selection.kind === Kind.FIELD) return field(selection.name.value, selection.selectionSet, of);
        if (selection.kind === Kind.INLINE_FRAGMENT) return of(selection.selectionSet);
        return ofFragment(context.getFragment(selection.name.value));
      }),
    );
  return of(set);
}
