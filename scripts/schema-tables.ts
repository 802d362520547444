// Schemas as tables of a page: each field, and what may stand in it, in words.
import type { TSchema } from 'typebox';

/** What is known here of a JSON Schema. */
export interface Shape {
  readonly type?: string;
  readonly patternProperties?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape | readonly Shape[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Shapes that have a section of their own, each with the link to it. */
export type Named = readonly (readonly [link: string, Shape])[];

/** A shape in words. */
function inWords(shape: Shape, named: Named): string {
  const link = named.find(([, known]) => JSON.stringify(known) === JSON.stringify(shape));
  if (link !== undefined) return link[0];
  if (shape.const !== undefined) return `\`${JSON.stringify(shape.const)}\``;
  if (shape.enum !== undefined) return shape.enum.map((one) => `\`${JSON.stringify(one)}\``).join(' or ');
  if (shape.anyOf !== undefined) return shape.anyOf.map((one) => inWords(one, named)).join(' or ');
  if (Array.isArray(shape.items)) return `[${shape.items.map((one) => inWords(one, named)).join(', ')}]`;
  switch (shape.type) {
    case 'array':
      return `list of ${inWords(shape.items as Shape, named)}`;
    case 'object':
      if (shape.patternProperties !== undefined) return 'text by keyword';
      return `{ ${fieldsOf(shape)
        .map(({ name, isOptional, field }) => `${name}${isOptional ? '?' : ''}: ${inWords(field, named)}`)
        .join(', ')} }`;
    case 'integer':
      return `whole number${bounds(shape)}`;
    case 'string':
      return 'text';
    case 'number':
      return 'number';
    case 'boolean':
      return 'true or false';
    default:
      throw new Error(`The page has no words for ${JSON.stringify(shape)}`);
  }
}

function bounds({ minimum, maximum }: Shape): string {
  return `${minimum === undefined ? '' : ` from ${minimum}`}${maximum === undefined ? '' : ` to ${maximum}`}`;
}

function fieldsOf({ properties = {}, required = [] }: Shape) {
  return Object.entries(properties).map(([name, field]) => ({ name, field, isOptional: !required.includes(name) }));
}

/** One table a shape; of several shapes, one table each. */
export function schemaTables(schema: TSchema | Shape, named: Named): string {
  const shape = schema as Shape;
  return (shape.anyOf ?? [shape]).map((one) => table(one, named)).join('\n');
}

function table(shape: Shape, named: Named): string {
  const rows = fieldsOf(shape).map(({ name, field, isOptional }) => {
    return `| \`${name}\` | ${inWords(field, named)}${isOptional ? '; may be absent' : ''} |`;
  });
  return `| field | what |\n| --- | --- |\n${rows.join('\n')}\n`;
}
