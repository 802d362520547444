// Settings of the services that belong together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pacsTlsFiles } from './settings.ts';

test('a certificate for PACSs and its key go together: half a pair would leave a port without TLS', () => {
  const [cert, key, ca] = ['/cert.pem', '/key.pem', '/ca.pem'];
  assert.deepEqual(pacsTlsFiles({}), { ca: undefined, cert: undefined, key: undefined });
  assert.deepEqual(
    pacsTlsFiles({ DITAG_GATEWAY_PACS_CERT: cert, DITAG_GATEWAY_PACS_KEY: key, DITAG_GATEWAY_PACS_CA: ca }),
    { ca, cert, key },
  );
  for (const half of [{ DITAG_GATEWAY_PACS_CERT: cert }, { DITAG_GATEWAY_PACS_KEY: key, DITAG_GATEWAY_PACS_CA: ca }])
    assert.throws(() => pacsTlsFiles(half), {
      code: 'bad-settings',
      message: /DITAG_GATEWAY_PACS_CERT and DITAG_GATEWAY_PACS_KEY/,
    });
});
