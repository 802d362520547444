// The port Pacs over DIMSE.
import { allUids } from '../../core/dicom/dictionary.ts';
import { allTransferSyntaxes } from '../../core/dicom/transfer-syntaxes.ts';
import { isStorageClass } from '../../core/dimse/negotiation.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_FIND } from '../../core/dimse/uids.ts';
import type { Pacs, PacsQueries, PacsRetrievals } from '../../core/ports/pacs.ts';
import type { Patience } from './association.ts';
import type { Peer } from './connection.ts';
import { FindAssociation } from './find-scu.ts';
import { type Getting, RetrieveAssociation } from './retrieve-scu.ts';
import type { Storing } from './store-scp.ts';

/** Presentation contexts of an association, without the one of the C-GET itself (PS3.8 9.3.2.2). */
const MOST_CONTEXTS = 127;
/** A PACS may be silent while it fetches from tape (milliseconds). */
const LEAST_SILENCE = 60_000;
const CONNECT = 10_000;

/** How long a PACS is waited for of which so long a silence is borne (milliseconds). */
export function patienceFor(silence: number): Patience {
  return { connect: CONNECT, answer: Math.max(LEAST_SILENCE, silence) };
}

/** Names of storage classes that hardly any PACS has: more than 127 are not retired. */
const RARE =
  /DICOS|Eddy Current|Implant|Protocol|Inventory|Color Palette|Structured Display|STL|OBJ|MTL|Volumetric Presentation State|Blending|Measurements|Spectacle|Intraocular Lens|Corneal|Dermoscopic|Imaging Agent|Acquisition Context|Content Assessment|Bulk Simple|Waveform Annotation|Physician Intent|Radiation (Set|Record|Salvage)|Photon-Electron|Tomotherapeutic|Robotic|Delivery Instruction|Treatment Preparation|Position Acquisition|Segment Annotation/;

/** How what is retrieved comes: to the listener with this AE title, or over the association that asks. */
export type RetrieveMethod = { readonly move: string } | { readonly get: Storing['peer'] };

export class DimsePacs implements Pacs {
  private readonly peer: Peer;
  private readonly method: RetrieveMethod;
  private readonly patience: Patience | undefined;

  constructor(peer: Peer, method: RetrieveMethod, patience?: Patience) {
    this.peer = peer;
    this.method = method;
    this.patience = patience;
  }

  queries(): Promise<PacsQueries> {
    return FindAssociation.open(this.peer, STUDY_ROOT_FIND, this.patience);
  }

  retrievals(classes: readonly string[]): Promise<PacsRetrievals> {
    const { method } = this;
    const wanted = classes.length === 0 ? storageClasses() : classes;
    const to = 'move' in method ? method.move : { contexts: contextsFor(wanted), peer: method.get };
    return RetrieveAssociation.open(this.peer, to, this.patience);
  }
}

/**
 * For each class one context of the syntaxes that everybody can make, and as far as there is room one for each of the
 * others: so nothing has to be decompressed by the peer.
 */
export function contextsFor(classes: readonly string[]): Getting['contexts'] {
  const plain = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
  const others = [...allTransferSyntaxes().values()].filter(({ uid }) => !plain.includes(uid));
  // Retired ones are the least likely.
  others.sort((a, b) => Number(a.retired) - Number(b.retired));
  const contexts = classes.map((SOPClassUID) => ({ SOPClassUID, transferSyntaxes: plain }));
  for (const { uid } of others)
    for (const SOPClassUID of classes) contexts.push({ SOPClassUID, transferSyntaxes: [uid] });
  return contexts.slice(0, MOST_CONTEXTS);
}

/** Those that are not retired; what hospitals rarely have is last, since not all of them find room. */
function storageClasses(): string[] {
  const classes = [...allUids()].filter(([uid, { retired }]) => !retired && isStorageClass(uid));
  classes.sort(([, a], [, b]) => Number(RARE.test(a.name)) - Number(RARE.test(b.name)));
  return classes.map(([uid]) => uid);
}
