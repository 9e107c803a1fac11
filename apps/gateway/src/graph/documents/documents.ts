import { Injectable } from '@nestjs/common';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { validationFailed } from '@shop/platform';
import {
  getOperationAST,
  getVariableValues,
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { GatewayConfig } from '../../gateway.config.ts';
import { costOf } from './cost.ts';
import { beyond, limitRules, limits } from './limits.ts';
import { operations } from './operations.ts';

/** What a client asks for, over HTTP or a socket. */
export interface Asked {
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
  readonly extensions?: { readonly persistedQuery?: { readonly sha256Hash: string } | undefined } | null | undefined;
}

/** An operation that is within all limits. */
export interface Admitted {
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly operationName: string | undefined;
  readonly variables: Record<string, unknown>;
}

/** Nothing was executed; `errors` say why. */
export class Refused extends Error {
  constructor(readonly errors: readonly GraphQLError[]) {
    super(errors[0]?.message);
  }
}

const refusal = (code: string, message: string) => new Refused([new GraphQLError(message, { extensions: { code } })]);

/** How many documents, good or not, need not be looked at again. */
const REMEMBERED = 200;

/**
 * The door of the graph: decides, before anything is executed, whether an operation may be. The same over HTTP and over
 * sockets.
 */
@Injectable()
export class Documents {
  private readonly known = new Map<string, DocumentNode | Refused>();
  private readonly open: boolean;

  constructor(
    private readonly host: GraphQLSchemaHost,
    config: GatewayConfig,
  ) {
    this.open = config.GRAPH_OPERATIONS === 'any';
  }

  get schema(): GraphQLSchema {
    return this.host.schema;
  }

  /** Throws Refused; and HttpProblem when there is nothing that GraphQL could begin with. */
  admit(asked: Asked): Admitted {
    const document = this.document(this.textOf(asked));
    const operation = getOperationAST(document, asked.operationName);
    if (!operation) throw refusal('operation-unknown', 'Name one of the operations of the document in operationName.');
    const { coerced, errors } = getVariableValues(
      this.schema,
      operation.variableDefinitions ?? [],
      asked.variables ?? {},
      { maxErrors: 10 },
    );
    if (errors) throw invalid('variables-invalid', errors);
    if (costOf(this.schema, document, operation, coerced) > limits.cost.most) throw new Refused([beyond(limits.cost)]);
    return { document, operation, operationName: asked.operationName ?? undefined, variables: asked.variables ?? {} };
  }

  private textOf({ query, extensions }: Asked): string {
    const hash = extensions?.persistedQuery?.sha256Hash;
    // The message is what clients of persisted queries look for.
    if (hash !== undefined && !query)
      return operations.get(hash) ?? fail(refusal('persisted-query-not-found', 'PersistedQueryNotFound'));
    if (!query) throw validationFailed([{ message: 'Send a query, or the SHA-256 of one that is listed.' }], '/query');
    if (query.length > limits.characters.most) throw new Refused([beyond(limits.characters)]);
    if (!this.open && ![...operations.values()].includes(query))
      throw refusal('operation-not-listed', 'Only operations that are listed are executed here.');
    return query;
  }

  private document(text: string): DocumentNode {
    const known = this.known.get(text) ?? this.look(text);
    // The one that was used last goes last; a Map keeps the order of insertion.
    this.known.delete(text);
    this.known.set(text, known);
    const oldest = this.known.size > REMEMBERED ? this.known.keys().next() : undefined;
    if (oldest && !oldest.done) this.known.delete(oldest.value);
    return known instanceof Refused ? fail(known) : known;
  }

  private look(text: string): DocumentNode | Refused {
    try {
      const document = parse(text, { maxTokens: limits.tokens.most });
      const beyondLimits = validate(this.schema, document, limitRules);
      if (beyondLimits.length > 0) return new Refused(beyondLimits);
      // Quadratic in the fields of a level, so never before the limits.
      const rules = this.open ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
      const errors = validate(this.schema, document, rules, { maxErrors: 10, hideSuggestions: !this.open });
      return errors.length > 0 ? invalid('query-invalid', errors) : document;
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      return error.message.includes(`${limits.tokens.most} tokens`)
        ? new Refused([beyond(limits.tokens)])
        : invalid('query-malformed', [error]);
    }
  }
}

function invalid(code: string, errors: readonly GraphQLError[]): Refused {
  return new Refused(
    errors.map(
      (error) =>
        new GraphQLError(error.message, {
          nodes: error.nodes,
          positions: error.positions,
          source: error.source,
          extensions: { code },
        }),
    ),
  );
}

function fail(error: Error): never {
  throw error;
}
