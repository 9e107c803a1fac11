import {
  getArgumentValues,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** What a list without a page size may hold: the lines of an order. */
const LINES = 50;

/**
 * How many objects an operation may make us read at most: one for every field that holds an object, times the sizes of
 * the pages and lists that it stands in, as the arguments and variables say. Of a validated document only.
 */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Record<string, unknown>,
): number {
  const root = schema.getRootType(operation.operation);
  const fragments = document.definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION);
  return root
    ? new Costs(new Map(fragments.map((one) => [one.name.value, one])), variables).of(operation.selectionSet, root, 1)
    : 0;
}

class Costs {
  /** By fragment and page size above it: a fragment that is used often is counted often, and looked at once. */
  private readonly known = new Map<string, number>();

  constructor(
    private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>,
    private readonly variables: Record<string, unknown>,
  ) {}

  /** `page`: how many items the list of a page holds. */
  of(set: SelectionSetNode, type: GraphQLObjectType, page: number): number {
    return set.selections.reduce((sum, selection) => {
      if (selection.kind === Kind.FIELD) return sum + this.ofField(selection, type, page);
      if (selection.kind === Kind.INLINE_FRAGMENT) return sum + this.of(selection.selectionSet, type, page);
      return sum + this.ofFragment(selection.name.value, type, page);
    }, 0);
  }

  private ofFragment(name: string, type: GraphQLObjectType, page: number): number {
    const key = `${name} ${page}`;
    const fragment = this.fragments.get(name);
    if (!this.known.has(key) && fragment) this.known.set(key, this.of(fragment.selectionSet, type, page));
    return this.known.get(key) ?? 0;
  }

  private ofField(node: FieldNode, parent: GraphQLObjectType, page: number): number {
    const field = parent.getFields()[node.name.value];
    const type = getNamedType(field?.type);
    if (!field || !node.selectionSet || !isObjectType(type)) return 0;
    const times = isListType(getNullableType(field.type)) ? (field.name === 'items' ? page : LINES) : 1;
    const { limit = 1 } = getArgumentValues(field, node, this.variables) as { limit?: number };
    return times * (1 + this.of(node.selectionSet, type, Math.max(limit, 1)));
  }
}
