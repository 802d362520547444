// Settings of the services that belong together.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elasticsearchSettings, pacsTlsFiles, receivingSettings } from './settings.ts';

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

test('a gateway serves peers as it is told, and else as one is shipped', () => {
  const needed = {
    DITAG_GATEWAY_PORT: '11112',
    DITAG_GATEWAY_FOLDER: '/store',
    DITAG_GATEWAY_ARCHIVE: 'received',
    DITAG_GATEWAY_PEERS_FILE: '/peers.json',
  };
  assert.equal(receivingSettings({}), undefined);
  assert.deepEqual(receivingSettings(needed), {
    host: '127.0.0.1',
    port: 11112,
    aeTitle: 'DITAG',
    folder: '/store',
    archive: 'received',
    peersFile: '/peers.json',
    callers: 32,
    answers: undefined,
    sync: true,
    tls: undefined,
  });
  const told = { ...needed, DITAG_GATEWAY_CALLERS: '5', DITAG_GATEWAY_ANSWERS: '700', DITAG_GATEWAY_SYNC: 'no' };
  const { callers, answers, sync } = receivingSettings(told)!;
  assert.deepEqual({ callers, answers, sync }, { callers: 5, answers: 700, sync: false });
  assert.equal(receivingSettings({ ...needed, DITAG_GATEWAY_SYNC: 'yes' })!.sync, true);
  for (const missing of ['DITAG_GATEWAY_FOLDER', 'DITAG_GATEWAY_ARCHIVE', 'DITAG_GATEWAY_PEERS_FILE'])
    assert.throws(() => receivingSettings({ ...needed, [missing]: undefined }), {
      code: 'bad-settings',
      message: new RegExp(missing),
    });
  assert.throws(() => receivingSettings({ ...needed, DITAG_GATEWAY_TLS_CA: '/ca.pem' }), {
    code: 'bad-settings',
    message: /DITAG_GATEWAY_TLS_CERT, DITAG_GATEWAY_TLS_KEY/,
  });
});

test('an address of Elasticsearch is one, and holds no secret, since messages name it', () => {
  const url = (DITAG_ELASTICSEARCH_URL: string) => elasticsearchSettings({ DITAG_ELASTICSEARCH_URL }).url;
  assert.equal(url('https://search.example:9200'), 'https://search.example:9200');
  for (const secret of [
    'http://elastic:hidden@search:9200',
    'http://elastic:hid den@search:x',
    'elastic:hidden@search',
  ])
    assert.throws(
      () => url(secret),
      ({ code, message }: { code: string; message: string }) =>
        code === 'bad-settings' && /API_KEY_FILE/.test(message) && !message.includes('hid'),
    );
  for (const wrong of ['localhost:9200', 'ftp://search', 'nothing', 'http://'])
    assert.throws(() => url(wrong), { code: 'bad-settings', message: /is ".*" \(http:\/\/host:9200/ });
});
