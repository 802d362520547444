// The PACS of the command line: which one, from options, environment and configuration, and what is asked of it. In
// either mode commands talk to it from here.
import fs from 'node:fs';
import type { Peer } from '../../adapters/dimse/connection.ts';
import { ditagError } from '../../core/errors/errors.ts';
import { type Configuration, type PacsSettings, savePacsSettings } from '../configuration/configuration.ts';

/** `--destination`, `--port`, `--pacs-aetitle`, `--myaet`. */
export interface PacsOptions {
  readonly destination?: string;
  readonly port?: string;
  readonly pacsAetitle?: string;
  readonly myaet?: string;
}

const OWN_AE_TITLE = 'DITAG';

export class Pacs {
  private readonly configuration: Configuration;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  /** Which PACS. Throws `no-pacs`, `bad-option`. */
  settings({ destination, port, pacsAetitle, myaet }: PacsOptions): PacsSettings {
    const { pacs } = this.configuration;
    const known = (option: string, key: keyof PacsSettings, given: string | undefined): string => {
      const value = given ?? pacs[key];
      if (value === undefined) throw ditagError('no-pacs', { missing: option, key, config: this.configuration.file });
      return value;
    };
    return {
      destination: known('--destination', 'destination', destination),
      port: portNumber(known('--port', 'port', port)),
      aetitle: aeTitle('--pacs-aetitle', known('--pacs-aetitle', 'aetitle', pacsAetitle)),
      myaet: aeTitle('--myaet', myaet ?? pacs.myaet ?? OWN_AE_TITLE),
    };
  }

  /** Asks for a C-ECHO, and keeps the settings for later commands once it was answered. Throws what `echo` throws. */
  async echo(settings: PacsSettings): Promise<void> {
    const { echo } = await import('../../adapters/dimse/echo.ts');
    await echo(this.peer(settings));
    savePacsSettings(this.configuration, settings);
  }

  /** Whom to associate with. Throws `cannot-read`. */
  peer({ destination: host, port, aetitle, myaet }: PacsSettings): Peer {
    return { host, port: Number(port), calledAETitle: aetitle, callingAETitle: myaet, tls: this.tls() };
  }

  private tls() {
    const { pacsTls } = this.configuration;
    if (pacsTls === undefined) return undefined;
    return { ...pem('ca', pacsTls.caFile), ...pem('cert', pacsTls.certFile), ...pem('key', pacsTls.keyFile) };
  }
}

function pem(name: string, file: string | undefined): Record<string, string> {
  if (file === undefined) return {};
  try {
    return { [name]: fs.readFileSync(file, 'utf8') };
  } catch (error) {
    throw ditagError('cannot-read', { path: file, reason: (error as Error).message }, error);
  }
}

function portNumber(text: string): string {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return String(port);
  throw ditagError('bad-option', { option: '--port', value: text, allowed: 'give a whole number from 1 to 65535' });
}

/** PS3.5 6.2: 1 to 16 characters of the default repertoire, no backslash, not only spaces. */
function aeTitle(option: string, text: string): string {
  const title = text.trim();
  if (/^[\x20-\x5b\x5d-\x7e]{1,16}$/.test(title)) return title;
  throw ditagError('bad-option', {
    option,
    value: text,
    allowed: 'an AE title has 1 to 16 ASCII characters, no backslash',
  });
}
