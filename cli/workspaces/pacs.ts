// The PACS of the command line: which one, from options, environment and configuration, and what is asked of it. In
// either mode commands talk to it from here.
import type { Peer } from '../../adapters/dimse/connection.ts';
import { readTls } from '../../adapters/filesystem/read-tls.ts';
import { AE_TITLE_RULE, isAETitle } from '../../core/dimse/ae-title.ts';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { type Configuration, type PacsSettings, savePacsSettings, variableOf } from '../configuration/configuration.ts';

/** `--destination`, `--port`, `--pacs-aetitle`, `--myaet`. */
export interface PacsOptions {
  readonly destination?: string;
  readonly port?: string;
  readonly pacsAetitle?: string;
  readonly myaet?: string;
  /** The same by its other name. */
  readonly myAet?: string;
}

/** The same of the commands of projects: `--pacs`, `--port`, `--aetitle`, `--my-aet`. */
export interface ProjectPacsOptions {
  readonly pacs?: string;
  readonly port?: string;
  readonly aetitle?: string;
  readonly myAet?: string;
  /** The same by its other name. */
  readonly myaet?: string;
}

const OWN_AE_TITLE = 'DITAG';

export class Pacs {
  private readonly configuration: Configuration;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  /** Which PACS. Throws `no-pacs`, `bad-option`. */
  settings({ destination, port, pacsAetitle, myaet, myAet }: PacsOptions): PacsSettings {
    const options = { destination: '--destination', port: '--port', aetitle: '--pacs-aetitle', myaet: '--myaet' };
    return this.known({ destination, port, aetitle: pacsAetitle, myaet: myaet ?? myAet }, {}, options);
  }

  /** The PACS of a project. @param ofProject what the project says. Throws `no-pacs`, `bad-option`. */
  projectSettings(
    { pacs, port, aetitle, myAet, myaet }: ProjectPacsOptions,
    ofProject: Partial<Omit<PacsSettings, 'myaet'>>,
  ): PacsSettings {
    const options = { destination: '--pacs', port: '--port', aetitle: '--aetitle', myaet: '--my-aet' };
    return this.known({ destination: pacs, port, aetitle, myaet: myAet ?? myaet }, ofProject, options);
  }

  /** Option, environment, project, configuration: the first that says something. */
  private known(
    given: Readonly<Record<keyof PacsSettings, string | undefined>>,
    ofProject: Partial<PacsSettings>,
    options: Readonly<Record<keyof PacsSettings, string>>,
  ): PacsSettings {
    const { pacs, environmentPacs, file } = this.configuration;
    const value = (key: keyof PacsSettings) => given[key] ?? environmentPacs[key] ?? ofProject[key] ?? pacs[key];
    // Whoever has to mend a value is told where it stands.
    const named = (key: keyof PacsSettings): string => {
      if (given[key] !== undefined) return options[key];
      if (environmentPacs[key] !== undefined) return variableOf(key);
      return ofProject[key] === undefined ? `${key} under [PACS] in ${file}` : `${key} under pacs of the project`;
    };
    const needed = (key: keyof PacsSettings): string => {
      const found = value(key);
      if (found === undefined) throw ditagError('no-pacs', { missing: options[key], key, config: file });
      return found;
    };
    const destination = needed('destination');
    // An empty host would be this machine.
    if (!/^\S+$/.test(destination)) {
      const allowed = 'give the name or the address of a host';
      throw ditagError('bad-option', { option: named('destination'), value: destination, allowed });
    }
    return {
      destination,
      port: portNumber(needed('port'), named('port')),
      aetitle: aeTitle(named('aetitle'), needed('aetitle')),
      myaet: aeTitle(named('myaet'), value('myaet') ?? OWN_AE_TITLE),
    };
  }

  /** Asks for a C-ECHO; one that does not do that may do all else. Throws what `echo` throws. */
  async reach(settings: PacsSettings): Promise<void> {
    const { echo } = await import('../../adapters/dimse/echo.ts');
    try {
      await echo(this.peer(settings));
    } catch (error) {
      if (!(error instanceof DitagError) || error.code !== 'no-echo') throw error;
    }
  }

  /**
   * Asks for a C-ECHO, and keeps the settings for later commands once it was answered. Gives a sentence where they cannot be
   * kept. Throws what `echo` throws.
   */
  async echo(settings: PacsSettings): Promise<string | undefined> {
    const { echo } = await import('../../adapters/dimse/echo.ts');
    await echo(this.peer(settings));
    try {
      savePacsSettings(this.configuration, settings);
      return undefined;
    } catch (error) {
      if (!(error instanceof DitagError)) throw error;
      return `The settings of the PACS are not kept: ${error.message}`;
    }
  }

  /** Whom to associate with. Throws `cannot-read`, `bad-certificate`. */
  peer({ destination: host, port, aetitle, myaet }: PacsSettings): Peer {
    return { host, port: Number(port), calledAETitle: aetitle, callingAETitle: myaet, tls: this.tls() };
  }

  private tls() {
    const { pacsTls } = this.configuration;
    if (pacsTls === undefined) return undefined;
    return readTls({ ca: pacsTls.caFile, cert: pacsTls.certFile, key: pacsTls.keyFile });
  }
}

/** Throws `bad-option`. */
export function portNumber(text: string, option: string): string {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return String(port);
  throw ditagError('bad-option', { option, value: text, allowed: 'give a whole number from 1 to 65535' });
}

function aeTitle(option: string, text: string): string {
  const title = text.trim();
  if (isAETitle(title)) return title;
  throw ditagError('bad-option', { option, value: text, allowed: AE_TITLE_RULE });
}
