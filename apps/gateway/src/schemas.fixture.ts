import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, Reflector } from '@nestjs/core';
import { z } from 'zod';
import { Operation } from './docs/operation.ts';

/** What Nest calls the parts of a request that a handler is given. */
const parts: Record<string, string> = { 3: 'body', 4: 'query', 5: 'params' };

export interface Input {
  readonly handler: string;
  readonly part: string;
  readonly schema: z.ZodType | undefined;
}

/** Everything that the handlers of these controllers take from a request, with the schema it is parsed by. */
export function inputsOf(controllers: readonly Type[]): Input[] {
  return methodsOf(controllers).flatMap(({ controller, name }) => {
    const taken = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) ?? {}) as Record<
      string,
      { schema?: z.ZodType }
    >;
    return Object.entries(taken).flatMap(([key, { schema }]) => {
      const part = parts[key.split(':')[0] ?? ''];
      return part === undefined ? [] : [{ handler: `${controller.name}.${name}`, part, schema }];
    });
  });
}

/** What the published operations of these controllers answer. */
export function answersOf(controllers: readonly Type[]): { handler: string; schema: z.ZodType }[] {
  const reflector = new Reflector();
  return methodsOf(controllers).flatMap(({ controller, name, method }) => {
    const notes = reflector.get(Operation, method);
    return notes ? [{ handler: `${controller.name}.${name}`, schema: notes.answer }] : [];
  });
}

function methodsOf(controllers: readonly Type[]) {
  return controllers.flatMap((controller) =>
    new MetadataScanner().getAllMethodNames(controller.prototype as object).flatMap((name) => {
      const method = (controller.prototype as Record<string, () => unknown>)[name];
      return method ? [{ controller, name, method }] : [];
    }),
  );
}

/** Where a schema is what `wanted` says, as pointers into what it describes. */
export function placesIn(schema: z.ZodType, wanted: (schema: z.ZodType) => boolean, pointer = ''): string[] {
  const here = wanted(schema) ? [pointer === '' ? '/' : pointer] : [];
  return [...here, ...childrenOf(schema).flatMap(([key, child]) => placesIn(child, wanted, pointer + key))];
}

function childrenOf(schema: z.ZodType): [string, z.ZodType][] {
  const of = (child: unknown): z.ZodType => child as z.ZodType;
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.def.shape).map(([key, child]) => [`/${key}`, of(child)]);
  if (schema instanceof z.ZodArray) return [['/*', of(schema.def.element)]];
  if (schema instanceof z.ZodRecord) return [['/*', of(schema.def.valueType)]];
  if (schema instanceof z.ZodUnion) return schema.def.options.map((option) => ['', of(option)]);
  if (schema instanceof z.ZodPipe)
    return [
      ['', of(schema.def.in)],
      ['', of(schema.def.out)],
    ];
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable)
    return [['', of(schema.def.innerType)]];
  return [];
}
