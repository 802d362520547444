// Certificates and keys that settings name: read, and tried, before anything listens or calls with them.
import { ditagError } from '../../core/errors/errors.ts';
import { readText } from './read-text.ts';

/** Without one in it, OpenSSL takes a file of certificates to trust for an empty list. */
const CERTIFICATE = '-----BEGIN ';

/** Files in PEM. */
export interface TlsFiles {
  /** Certificates that are trusted. */
  readonly ca?: string | undefined;
  /** The own certificate, and those that signed it. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** What is in the files: of those that are named. Throws `cannot-read`, and `bad-certificate` where TLS cannot use it. */
export function readTls<Files extends TlsFiles>(files: Files): { readonly [Name in keyof Files]: string } {
  const named = (['cert', 'key', 'ca'] as const).flatMap((name) => {
    const file = files[name];
    return file === undefined ? [] : [{ name, file, text: readText(file) }];
  });
  for (const { name, file, text } of named)
    if (name !== 'key' && !text.includes(CERTIFICATE))
      throw ditagError('bad-certificate', { files: file, reason: 'there is no certificate in it' });
  for (const { name, file, text } of named)
    if (name === 'key' && text.includes('ENCRYPTED'))
      throw ditagError('bad-certificate', { files: file, reason: 'the key needs a passphrase, which cannot be given' });
  const material = Object.fromEntries(named.map(({ name, text }) => [name, text]));
  try {
    // Loaded when it is needed: most commands never have TLS.
    process.getBuiltinModule('node:tls').createSecureContext(material);
  } catch (error) {
    const paths = named.map(({ file }) => file).join(', ');
    throw ditagError('bad-certificate', { files: paths, reason: (error as Error).message }, error);
  }
  return material as { readonly [Name in keyof Files]: string };
}
