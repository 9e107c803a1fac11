import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Speaks WebAuthn with the browser: of @simplewebauthn/browser, which lays it beside the module that it exports. */
const library = readFileSync(
  join(fileURLToPath(import.meta.resolve('@simplewebauthn/browser')), '../../dist/bundle/index.umd.min.js'),
  'utf8',
);

/** Ours: a form with `data-passkey` asks the authenticator when it is sent, and carries the answer. */
const ours = `'use strict';
for (const form of document.querySelectorAll('form[data-passkey]')) {
  form.addEventListener('submit', async (event) => {
    if (form.elements.answer.value !== '') return;
    event.preventDefault();
    const said = form.querySelector('[role=status]');
    try {
      const ask = form.dataset.passkey === 'make' ? SimpleWebAuthnBrowser.startRegistration : SimpleWebAuthnBrowser.startAuthentication;
      form.elements.answer.value = JSON.stringify(await ask({ optionsJSON: JSON.parse(form.dataset.options) }));
      form.submit();
    } catch (error) {
      said.textContent = error.name === 'InvalidStateError' ? 'This passkey is there already.' : 'The browser has no passkey for this, or you did not use it.';
    }
  });
}
`;

/** A script of our pages, which a page names together with its digest (SRI), so that nothing else runs in its place. */
export interface Script {
  readonly name: string;
  readonly text: string;
  readonly integrity: string;
}

const script = (name: string, text: string): Script => ({
  name,
  text,
  integrity: `sha384-${createHash('sha384').update(text).digest('base64')}`,
});

/** In the order in which a page loads them. */
export const scripts: readonly Script[] = [script('webauthn.js', library), script('passkeys.js', ours)];
/** Where they are, below the issuer's origin. */
export const scriptsPath = '/oidc/scripts/';
