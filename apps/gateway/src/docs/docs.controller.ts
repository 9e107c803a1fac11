import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { Controller, Get, Header, StreamableFile } from '@nestjs/common';
import { Produces, Public } from '@shop/platform';
import { goneFrom } from '../version-one.ts';
import { OpenApi } from './open-api.ts';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Shop API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body><div id="ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/swagger-ui-standalone-preset.js"></script><script src="/docs/start.js"></script></body>
</html>
`;

const start = `SwaggerUIBundle({
  urls: [{ name: 'Version 2', url: '/v2/openapi.json' }, { name: 'Version 1, until ${goneFrom.toDateString()}', url: '/v1/openapi.json' }],
  dom_id: '#ui', layout: 'StandaloneLayout', presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  deepLinking: true, tryItOutEnabled: true,
});\n`;

/** The API's description, and a page to browse it. */
@Public()
@Controller()
export class DocsController {
  constructor(private readonly openApi: OpenApi) {}

  /** The latest version's, for whoever names none. */
  @Get('openapi.json')
  @Header('content-location', '/v2/openapi.json')
  latest(): Promise<object> {
    return this.openApi.version(2);
  }

  @Get('v1/openapi.json')
  first(): Promise<object> {
    return this.openApi.version(1);
  }

  @Get('v2/openapi.json')
  second(): Promise<object> {
    return this.openApi.version(2);
  }

  @Get('docs')
  @Produces('text/html')
  @Header('content-type', 'text/html; charset=utf-8')
  page(): string {
    return page;
  }

  @Get('docs/start.js')
  @Produces('text/javascript')
  @Header('content-type', 'text/javascript; charset=utf-8')
  start(): string {
    return start;
  }

  @Get('docs/swagger-ui.css')
  @Produces('text/css')
  @Header('content-type', 'text/css; charset=utf-8')
  @Header('cache-control', 'public, max-age=86400')
  style(): StreamableFile {
    return asset('swagger-ui.css');
  }

  @Get('docs/swagger-ui-bundle.js')
  @Produces('text/javascript')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('cache-control', 'public, max-age=86400')
  script(): StreamableFile {
    return asset('swagger-ui-bundle.js');
  }

  @Get('docs/swagger-ui-standalone-preset.js')
  @Produces('text/javascript')
  @Header('content-type', 'text/javascript; charset=utf-8')
  @Header('cache-control', 'public, max-age=86400')
  preset(): StreamableFile {
    return asset('swagger-ui-standalone-preset.js');
  }
}

/** Swagger UI belongs to @nestjs/swagger, so it is looked for from there, wherever npm put it. */
function asset(file: string): StreamableFile {
  const fromSwagger = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
  return new StreamableFile(createReadStream(fromSwagger.resolve(`swagger-ui-dist/${file}`)));
}
