import { Body, Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { HttpProblem, isPreferred, Produces, Public, validationFailed } from '@shop/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Graph, type Answer } from './graph.ts';

const text = z.string().nullish();
const record = z.record(z.string(), z.unknown()).nullish();
const persisted = z
  .object({
    persistedQuery: z.object({ version: z.literal(1), sha256Hash: z.string().regex(/^[0-9a-f]{64}$/) }).optional(),
  })
  .loose()
  .nullish();
const body = z.object({ query: text, operationName: text, variables: record, extensions: persisted });

const json = z.string().transform((value, context): unknown => {
  try {
    return JSON.parse(value);
  } catch {
    context.addIssue({ code: 'custom', message: 'Not JSON.' });
    return z.NEVER;
  }
});
const query = z.object({
  query: text,
  operationName: text,
  variables: json.pipe(record).optional(),
  extensions: json.pipe(persisted).optional(),
});

const modern = 'application/graphql-response+json';

/** A page of another site can send none of these without asking the browser, which asks us, who say no. */
const preflighted = ['graphql-preflight', 'x-requested-with', 'apollo-require-preflight'];

/**
 * GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/). Open to everybody: each field says who may
 * have it.
 */
@Public()
@Produces('application/json', modern)
@Controller('graphql')
export class GraphController {
  constructor(private readonly graph: Graph) {}

  @Post()
  @HttpCode(200)
  async post(
    @Body() given: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    if (Array.isArray(given))
      throw new HttpProblem(400, 'batch-not-allowed', 'One operation a request: an operation can have several fields.');
    return answer(reply, await this.graph.answer(parsed(body, given, ''), { request, readOnly: false }));
  }

  @Get()
  async get(
    @Query() given: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    if (!preflighted.some((name) => request.headers[name] !== undefined)) {
      throw new HttpProblem(400, 'preflight-required', `Send the header ${preflighted[0]}: 1, or POST.`);
    }
    return answer(reply, await this.graph.answer(parsed(query, given, '/query'), { request, readOnly: true }));
  }
}

function parsed<T>(schema: z.ZodType<T>, given: unknown, pointer: string): T {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw validationFailed(result.error.issues, pointer);
}

/**
 * By the specification: who takes graphql-response+json learns from the status that nothing was executed; plain JSON is
 * always 200.
 */
function answer(reply: FastifyReply, { status, result }: Answer): string {
  const isModern = isPreferred(modern, 'application/json', reply.request.headers.accept ?? '');
  void reply
    .status(isModern || status === 405 ? status : 200)
    .type(`${isModern ? modern : 'application/json'}; charset=utf-8`);
  if (status === 405) void reply.header('allow', 'POST');
  return JSON.stringify(result);
}
