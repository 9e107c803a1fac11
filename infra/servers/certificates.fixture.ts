import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files (PEM) of an authority, and what it signed: a server on loopback, and a client. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string; readonly both: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Made anew for each run, and good for a day. */
export function certificatesIn(folder: string, client: string): Certificates {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  openssl('req', '-x509', ...fresh, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=authority');
  const signed = (name: string, subject: string, more: string) => {
    writeFileSync(file(`${name}.ext`), more);
    openssl(
      'req',
      ...fresh.slice(0, -2),
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.csr`),
      '-subj',
      subject,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      file(`${name}.csr`),
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca.key'),
      '-CAcreateserial',
      '-days',
      '1',
      '-extfile',
      file(`${name}.ext`),
      '-out',
      file(`${name}.pem`),
    );
    return { cert: file(`${name}.pem`), key: file(`${name}.key`) };
  };
  const server = signed('server', '/CN=localhost', 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  writeFileSync(file('both.pem'), readFileSync(server.key, 'utf8') + readFileSync(server.cert, 'utf8'));
  return {
    ca: file('ca.pem'),
    server: { ...server, both: file('both.pem') },
    client: signed('client', `/CN=${client}`, 'extendedKeyUsage=clientAuth\n'),
  };
}
