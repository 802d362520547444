// Certificates for tests with TLS, made by openssl.
import { spawnSync } from 'node:child_process';

/** A CA, and certificates of it for `localhost` and for ditag; false where there is no openssl. */
export function makeCertificates(folder: string): boolean {
  const openssl = (...args: string[]) => spawnSync('openssl', args, { cwd: folder, stdio: 'ignore' }).status === 0;
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  const signed = (name: string, subject: string, ...more: string[]) =>
    openssl(
      ...['req', '-x509', ...key, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-keyout', `${name}.key`, '-out', `${name}.pem`],
      ...['-subj', subject, '-addext', 'basicConstraints=critical,CA:FALSE', ...more],
    );
  return (
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca') &&
    signed('server', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost') &&
    signed('client', '/CN=ditag')
  );
}
