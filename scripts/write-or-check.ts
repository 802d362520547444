// For scripts that make a file of the tree: writes it, or with `--check` says whether it is what the script makes.
import fs from 'node:fs';

export function writeOrCheck(file: string, text: string): void {
  if (!process.argv.includes('--check')) {
    fs.writeFileSync(file, text);
    return;
  }
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) return;
  process.stdout.write(`${file} is not what its script makes: run the script again and commit the result.\n`);
  process.exitCode = 1;
}
