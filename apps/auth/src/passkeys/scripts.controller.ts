import { Controller, Get, Param, Res } from '@nestjs/common';
import { HttpProblem, Produces, Public } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { scripts } from './scripts.ts';

/** The scripts of our pages, from our own origin: the policy of a page lets no other run. */
@Controller('oidc/scripts')
@Public()
@Produces('text/javascript')
export class ScriptsController {
  @Get(':name')
  script(@Param('name') name: string, @Res() reply: FastifyReply) {
    const found = scripts.find((script) => script.name === name);
    if (!found) throw new HttpProblem(404, 'unknown-path', 'There is nothing at this path.');
    return reply
      .headers({
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=300',
        'x-content-type-options': 'nosniff',
      })
      .send(found.text);
  }
}
