import { randomUUID } from 'node:crypto';
import { Body, Controller, Post, type Type } from '@nestjs/common';
import { HttpProblem, Public, type Database } from '@shop/platform';
import { z } from 'zod';

/** What a client may say of a new account, and what only we may. */
export interface Row {
  readonly id: string;
  readonly name: string;
  readonly theme: string;
  readonly role: string;
  readonly credit: number;
  readonly verified: boolean;
}

type Fields = Record<string, unknown>;

const columns = ['id', 'name', 'theme', 'role', 'credit', 'verified'];
const defaults = { theme: 'light', role: 'customer', credit: 0, verified: false };

/** Writes those of the fields that the table has, as an object-relational mapper does. */
async function insert(database: Database, fields: Fields): Promise<{ id: string }> {
  const row: Fields = { ...fields, id: randomUUID() };
  const known = columns.filter((column) => row[column] !== undefined);
  try {
    await database.query(
      `INSERT INTO accounts (${known.join(', ')}) VALUES (${known.map((_, index) => `$${index + 1}`).join(', ')})`,
      known.map((column) => row[column]),
    );
  } catch {
    throw new HttpProblem(400, 'not-a-row', 'The table does not take this.');
  }
  return { id: row['id'] as string };
}

/** The body is the row. */
export const spread = (database: Database): Type => {
  @Controller('accounts')
  @Public()
  class Spread {
    @Post()
    register(@Body() body: Fields) {
      return insert(database, { ...defaults, ...body });
    }
  }
  return Spread;
};

/** The body is the row, without the fields that somebody has thought of. */
export const denyList = (database: Database): Type => {
  @Controller('accounts')
  @Public()
  class DenyList {
    @Post()
    register(@Body() body: Fields) {
      const { role: _role, isAdmin: _isAdmin, admin: _admin, ...rest } = body;
      return insert(database, { ...defaults, ...rest });
    }
  }
  return DenyList;
};

/** Only what is meant is taken, and settings are merged into their defaults, at every depth. */
export const deepMerge = (database: Database): Type => {
  @Controller('accounts')
  @Public()
  class DeepMerge {
    @Post()
    register(@Body() body: Fields) {
      const settings = merge({ theme: 'light' }, (body['settings'] ?? {}) as Fields);
      const given: Fields = { name: body['name'], theme: settings['theme'] };
      // Set by another part of the system for some, and by nobody for most.
      const grants: Fields = {};
      return insert(database, {
        ...given,
        role: grants['role'] ?? 'customer',
        credit: grants['credit'] ?? 0,
        verified: grants['verified'] ?? false,
      });
    }
  }
  return DeepMerge;
};

function merge(into: Fields, from: Fields): Fields {
  for (const [key, value] of Object.entries(from)) {
    if (typeof value === 'object' && value !== null && typeof into[key] === 'object')
      merge(into[key] as Fields, value as Fields);
    else into[key] = value;
  }
  return into;
}

const registration = z.strictObject({
  name: z.string().min(1).max(100),
  settings: z.strictObject({ theme: z.enum(['light', 'dark']) }).optional(),
});

/**
 * The product's way: a schema says what there is, everything else is refused, and the handler gets what the schema
 * made.
 */
export const schema = (database: Database): Type => {
  @Controller('accounts')
  @Public()
  class Schema {
    @Post()
    register(@Body({ schema: registration }) { name, settings }: z.infer<typeof registration>) {
      return insert(database, { ...defaults, name, theme: settings?.theme ?? defaults.theme });
    }
  }
  return Schema;
};
