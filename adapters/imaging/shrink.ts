// Makes a picture smaller by the mean of the pixels that fall together.

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Four bytes a pixel, row by row. */
  readonly rgba: Uint8Array;
}

/** @param side most pixels of the longer side; a smaller picture stays as it is */
export function shrunk(picture: Picture, side: number): Picture {
  const { width: from, height: fromHeight, rgba } = picture;
  const scale = side / Math.max(from, fromHeight);
  if (scale >= 1) return picture;
  const width = Math.max(1, Math.round(from * scale));
  const height = Math.max(1, Math.round(fromHeight * scale));
  const out = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = span(y, height, fromHeight);
    for (let x = 0; x < width; x++) {
      const [left, right] = span(x, width, from);
      const sums = [0, 0, 0, 0];
      for (let row = top; row < bottom; row++)
        for (let column = left; column < right; column++)
          for (let channel = 0; channel < 4; channel++) sums[channel]! += rgba[(row * from + column) * 4 + channel]!;
      const count = (bottom - top) * (right - left);
      for (let channel = 0; channel < 4; channel++)
        out[(y * width + x) * 4 + channel] = Math.round(sums[channel]! / count);
    }
  }
  return { width, height, rgba: out };
}

/** The pixels of the larger picture that become one: never none. */
function span(at: number, size: number, from: number): [number, number] {
  const start = Math.floor((at * from) / size);
  return [start, Math.max(start + 1, Math.floor(((at + 1) * from) / size))];
}
