// The thread that decodes: bytes of a file come in, a PNG or nothing goes out.
import { parentPort } from 'node:worker_threads';
import imaging from 'dcmjs-imaging';
import { encodePng } from './png.ts';
import { shrunk } from './shrink.ts';

/** Pixels of the longer side; pixels of a frame that is looked at. */
const SIDE = 512;
const MOST_PIXELS = 64 * 1024 * 1024;

for (const level of ['log', 'warn', 'error', 'info', 'debug'] as const) console[level] = () => {};
const ready = imaging.NativePixelDecoder.initializeAsync();

parentPort!.on('message', (bytes: Uint8Array<ArrayBuffer>) => {
  void picture(bytes)
    .catch(() => undefined)
    .then((png) => parentPort!.postMessage(png));
});

async function picture(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
  await ready;
  const image = new imaging.DicomImage(bytes.buffer);
  const [width, height] = [image.getWidth(), image.getHeight()];
  if (!(width > 0 && height > 0 && width * height <= MOST_PIXELS)) return undefined;
  const frame = Math.floor(((image.getNumberOfFrames() || 1) - 1) / 2);
  const rendered = image.render({ frame });
  const pixels = { width: rendered.width, height: rendered.height, rgba: new Uint8Array(rendered.pixels) };
  return encodePng(shrunk(pixels, SIDE));
}
