// Pictures of instances, small enough to be looked at in passing; not for diagnosis.
import type { SeriesFile } from './instance-index.ts';

/** Why there is no picture: the file is not to be had here, is too large, has no pixels or none that can be read, or took too long. */
export type NoPreview = 'not-here' | 'too-large' | 'no-image' | 'too-long';

export interface Previews {
  /** A PNG of the middle frame. Damaged files end in `no-image`, never in an error. */
  of(file: SeriesFile): Promise<Uint8Array | NoPreview>;
  close(): Promise<void>;
}
