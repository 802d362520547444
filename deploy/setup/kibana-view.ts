// Runs once in a container of its own: imports ditag's data view into Kibana, over one that was imported before.
//   node kibana-view.ts URL PASSWORD_FILE NDJSON
// Tried against a scripted server only (test/deploy/setup.test.ts), not on a real Kibana.
import fs from 'node:fs';

const [url, passwordFile, file] = process.argv.slice(2);
if (url === undefined || !passwordFile || !file) throw new Error('usage: kibana-view.ts URL PASSWORD_FILE NDJSON');

const password = fs.readFileSync(passwordFile, 'utf8').trim();
const form = new FormData();
form.append('file', new Blob([fs.readFileSync(file)], { type: 'application/ndjson' }), 'ditag.ndjson');
const response = await fetch(`${url}/api/saved_objects/_import?overwrite=true`, {
  method: 'POST',
  headers: {
    authorization: `Basic ${Buffer.from(`elastic:${password}`).toString('base64')}`,
    // Kibana refuses what a browser could be led to send.
    'kbn-xsrf': 'ditag',
  },
  body: form,
});
const answer = (await response.json().catch(() => ({}))) as { success?: boolean; errors?: unknown };
if (!response.ok || answer.success !== true)
  throw new Error(`Kibana did not take ${file}: status ${response.status} ${JSON.stringify(answer.errors ?? '')}`);
process.stdout.write(`${file}: imported\n`);
