// dcmjs-dimse, the other DIMSE that is written for Node, as a peer in both roles.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import dcmjsDimse from 'dcmjs-dimse';
import type { SendResult } from '../../core/instance/send-outcome.ts';
import { sendInstances } from '../../core/stages/send-instances.ts';
import { startGateway } from '../../test/gateway-here.ts';
import { newReader, readBytes } from '../../test/reader/scripted-source.ts';
import { FilesystemInstanceFiles } from '../filesystem/instance-files.ts';
import { echo } from './echo.ts';
import { DimseStorePeer } from './store-scu.ts';

const { Client, constants, requests, responses, Scp } = dcmjsDimse;
type Association = InstanceType<typeof dcmjsDimse.association.Association>;

const SAMPLES = path.resolve(import.meta.dirname, '../../test/samples');
const NAMES = ['CT_small.dcm', 'MR_small_implicit.dcm', 'SC_rgb_rle.dcm'];
// It tells of each private element that it drops.
const dcmjs = createRequire(import.meta.url)('dcmjs') as { log: { setLevel(level: string): void } };
dcmjs.log.setLevel('silent');
dcmjsDimse.log.setLevel('silent');

function identityOf(name: string) {
  const [bytes, reader] = [readFileSync(path.join(SAMPLES, name)), newReader()];
  assert.equal(readBytes(bytes, { reader }).outcome, 'instance');
  const { SOPInstanceUID, SOPClassUID } = reader;
  return { SOPInstanceUID, SOPClassUID, size: bytes.length };
}

test('dcmjs-dimse as SCU: echo and store', async (t) => {
  const here = await startGateway(t, { peers: ['DCMJS'] });
  const client = new Client();
  const statuses: number[] = [];
  const all = [
    new requests.CEchoRequest(),
    ...NAMES.map((name) => new requests.CStoreRequest(path.join(SAMPLES, name))),
  ];
  for (const request of all) {
    request.on('response', (response: { getStatus(): number }) => void statuses.push(response.getStatus()));
    client.addRequest(request);
  }
  const closed = new Promise<void>((resolve, reject) => {
    client.on('closed', resolve);
    client.on('networkError', reject);
  });
  client.send('127.0.0.1', here.port, 'DCMJS', 'DITAG');
  await closed;
  assert.deepEqual(statuses, [0, 0, 0, 0]);
  assert.deepEqual(
    here.received.map(({ SOPInstanceUID }) => SOPInstanceUID),
    NAMES.map((name) => identityOf(name).SOPInstanceUID),
  );
});

test('dcmjs-dimse as SCP: echo and store', async (t) => {
  const stored: { SOPInstanceUID: string; PatientID: string }[] = [];
  const port = await startScp(t, (elements) => void stored.push(elements));
  const peer = { host: '127.0.0.1', port, calledAETitle: 'DCMJS', callingAETitle: 'DITAG' };
  await echo(peer);
  const files = NAMES.map((name, i) => {
    const { size, ...identity } = identityOf(name);
    return { ...identity, SeriesInstanceUID: `1.${i}`, archive: SAMPLES, path: name, size, mtime: 1 };
  });
  const results: SendResult[] = [];
  const index = {
    async *instancesOf(series: readonly string[]) {
      for (const uid of series) yield files.filter(({ SeriesInstanceUID }) => SeriesInstanceUID === uid);
    },
  };
  await sendInstances(
    files.map(({ SeriesInstanceUID }) => SeriesInstanceUID),
    { index, files: new FilesystemInstanceFiles((archive) => archive), peer: new DimseStorePeer(peer) },
    { threads: 1, pauses: [50], signal: AbortSignal.timeout(20_000), onResult: (result) => void results.push(result) },
  );
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['stored', 'stored', 'stored'],
  );
  assert.deepEqual(
    stored.map(({ SOPInstanceUID }) => SOPInstanceUID),
    files.map(({ SOPInstanceUID }) => SOPInstanceUID),
  );
  assert.ok(stored.every(({ PatientID }) => PatientID.length > 0));
});

/** Starts one that takes everything, and tells what it has read. */
async function startScp(
  t: TestContext,
  onStored: (elements: { SOPInstanceUID: string; PatientID: string }) => void,
): Promise<number> {
  class Taking extends Scp {
    override associationRequested(association: Association): void {
      for (const { id } of association.getPresentationContexts()) {
        const context = association.getPresentationContext(id);
        const [transferSyntax] = context.getTransferSyntaxUids();
        context.setResult(constants.PresentationContextResult.Accept, transferSyntax);
      }
      this.sendAssociationAccept();
    }

    override cEchoRequest(request: never, answer: (response: never) => void): void {
      const response = responses.CEchoResponse.fromRequest(request);
      response.setStatus(constants.Status.Success);
      answer(response as never);
    }

    override cStoreRequest(
      request: InstanceType<typeof requests.CStoreRequest>,
      answer: (response: InstanceType<typeof responses.CStoreResponse>) => void,
    ): void {
      onStored(request.getDataset()!.getElements() as { SOPInstanceUID: string; PatientID: string });
      const response = responses.CStoreResponse.fromRequest(request);
      response.setStatus(constants.Status.Success);
      answer(response);
    }

    override associationReleaseRequested(): void {
      this.sendAssociationReleaseResponse();
    }
  }
  const sockets = new Set<net.Socket>();
  // Its Server does not say at which port it listens.
  const server = net.createServer((socket) => {
    sockets.add(socket);
    new Taking(socket, {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
