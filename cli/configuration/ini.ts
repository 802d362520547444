// The configuration file, by the rules of Python's configparser, which wrote it for years: sections, `key = value` or
// `key: value`, keys without regard to case, whole-line comments, continuation lines, `%%` and `%(name)s`, and a
// section DEFAULT that all others inherit. Edits are made in place: comments and unknown keys survive.

interface Line {
  /** Lower-case key, or '' for a line that is no key's. */
  readonly key: string;
  readonly section: string;
  text: string;
}

export class IniFile {
  private readonly lines: Line[] = [];

  /** Throws an Error that names the line for text that is not INI. */
  constructor(text: string) {
    let section = '';
    let key = '';
    text.split(/\r?\n/).forEach((line, i, all) => {
      if (i === all.length - 1 && line === '') return;
      const header = /^\s*\[(.+)\]\s*$/.exec(line);
      if (header !== null) {
        section = header[1]!;
        key = '';
        this.lines.push({ key: '', section, text: line });
        return;
      }
      if (/^\s*([#;]|$)/.test(line)) {
        this.lines.push({ key: '', section, text: line });
        return;
      }
      if (/^\s/.test(line) && key !== '') {
        this.lines.push({ key, section, text: line });
        return;
      }
      const pair = /^\s*([^=:]+?)\s*[=:]/.exec(line);
      if (pair === null) throw new Error(`line ${i + 1} is neither [section], comment nor key = value`);
      if (section === '') throw new Error(`line ${i + 1} stands before the first [section]`);
      key = pair[1]!.toLowerCase();
      this.lines.push({ key, section, text: line });
    });
  }

  /** The value of a key, from its section or from DEFAULT; undefined where neither has it. */
  get(section: string, key: string): string | undefined {
    return this.resolve(section, key.toLowerCase(), 0);
  }

  /** Sets a key, in place where it stands already. */
  set(section: string, key: string, value: string): void {
    const text = `${key} = ${value.replaceAll('%', '%%')}`;
    const at = this.lines.findIndex((line) => line.section === section && line.key === key.toLowerCase());
    if (at >= 0) {
      const lower = key.toLowerCase();
      let more = at + 1;
      while (more < this.lines.length && this.lines[more]!.key === lower && this.lines[more]!.section === section)
        more++;
      this.lines.splice(at, more - at, { key: lower, section, text });
      return;
    }
    let end = this.lines.findLastIndex((line) => line.section === section);
    if (end < 0) {
      if (this.lines.length > 0 && this.lines[this.lines.length - 1]!.text.trim() !== '')
        this.lines.push({ key: '', section: '', text: '' });
      this.lines.push({ key: '', section, text: `[${section}]` });
      end = this.lines.length - 1;
    }
    while (end > 0 && this.lines[end]!.text.trim() === '') end--;
    this.lines.splice(end + 1, 0, { key: key.toLowerCase(), section, text });
  }

  toString(): string {
    return this.lines.map((line) => `${line.text}\n`).join('');
  }

  private resolve(section: string, key: string, depth: number): string | undefined {
    const raw = this.raw(section, key) ?? this.raw('DEFAULT', key);
    if (raw === undefined || depth > 10) return raw;
    return raw.replace(/%(%|\((\w+)\)s)/g, (whole, what: string, name?: string) => {
      return what === '%' ? '%' : (this.resolve(section, name!.toLowerCase(), depth + 1) ?? whole);
    });
  }

  private raw(section: string, key: string): string | undefined {
    const own = this.lines.filter((line) => line.section === section && line.key === key);
    if (own.length === 0) return undefined;
    const [first, ...more] = own;
    const value = first!.text.replace(/^\s*[^=:]+?\s*[=:]/, '').trim();
    return [value, ...more.map((line) => line.text.trim())].join('\n');
  }
}
