// The table of series: of as many rows as there are, only those in sight stand in the document; further ones are asked for
// before they come into sight.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { COLUMNS, orderedBy, withColumn } from './explored.ts';
import { answered, choose, explored, loaded, more, next, rows, show } from './state.ts';

/** Height of a row, as the style sheet has it, and rows beyond those in sight. */
const ROW = 30;
const BEYOND = 20;
/** Columns that can be chosen: those of the table of indexed attributes that people look at. */
const CHOICE = [
  ...COLUMNS,
  'AccessionNumber',
  'StudyInstanceUID',
  'SeriesNumber',
  'Manufacturer',
  'ManufacturerModelName',
  'StationName',
  'BodyPartExamined',
  'ProtocolName',
];

export function Table() {
  const top = useSignal(0);
  const box = useRef<HTMLElement>(null);
  useEffect(() => box.current?.scrollTo({ top: 0 }), [answered.value]);
  const { columns, order } = explored.value;
  const all = rows.value;
  // It is never higher than the window.
  const height = innerHeight;
  const first = Math.max(0, Math.floor(top.value / ROW) - BEYOND);
  const count = loaded.value;
  const last = Math.min(count, Math.ceil((top.value + height) / ROW) + BEYOND);
  if (last + BEYOND > count && next.value !== undefined) void more();
  return (
    <>
      <details class="choice">
        <summary>Columns</summary>
        {CHOICE.map((column) => (
          <label key={column}>
            <input
              type="checkbox"
              checked={columns.includes(column)}
              onChange={() => show({ columns: withColumn(explored.value, column) })}
            />
            {column}
          </label>
        ))}
      </details>
      <section
        class="rows"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        tabIndex={0}
        aria-label="Rows"
        ref={box}
        onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
      >
        <table aria-rowcount={next.value === undefined ? count + 1 : -1}>
          <thead>
            <tr aria-rowindex={1}>
              <th scope="col" class="check">
                <span class="hidden">Chosen</span>
              </th>
              {columns.map((column) => (
                <th key={column} scope="col" aria-sort={sortOf(order, column)}>
                  <button type="button" onClick={() => show({ order: orderedBy(explored.value, column) })}>
                    {column}
                    {order === column ? ' ▲' : order === `-${column}` ? ' ▼' : ''}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <Space rows={first} columns={columns.length + 1} />
            {all.slice(first, last).map((row, at) => (
              <Line key={row['SeriesInstanceUID']} row={row} number={first + at + 2} columns={columns} />
            ))}
            <Space rows={count - last} columns={columns.length + 1} />
          </tbody>
        </table>
      </section>
    </>
  );
}

/** In the place of rows that are not in sight: so what is keeps its place. */
function Space({ rows: count, columns }: { readonly rows: number; readonly columns: number }) {
  if (count === 0) return null;
  return (
    <tr class="space">
      <td colSpan={columns} style={{ height: `${count * ROW}px` }} />
    </tr>
  );
}

function Line({
  row,
  number,
  columns,
}: {
  readonly row: Readonly<Record<string, string>>;
  readonly number: number;
  readonly columns: readonly string[];
}) {
  const uid = row['SeriesInstanceUID']!;
  const name = row['SeriesDescription'] || uid;
  return (
    <tr aria-rowindex={number} aria-selected={explored.value.series === uid} onClick={() => show({ series: uid })}>
      <td class="check">
        <input
          type="checkbox"
          aria-label={`choose ${name}`}
          checked={explored.value.chosen.includes(uid)}
          onClick={(event) => event.stopPropagation()}
          onChange={() => choose(uid)}
        />
      </td>
      {columns.map((column, at) => (
        <td key={column} title={row[column]}>
          {at === 0 ? (
            <button
              type="button"
              class="open"
              aria-label={`${row[column] || '–'}: open ${name}`}
              onClick={() => show({ series: uid })}
            >
              {row[column] || '–'}
            </button>
          ) : (
            row[column]
          )}
        </td>
      ))}
    </tr>
  );
}

function sortOf(order: string, column: string): 'ascending' | 'descending' | 'none' {
  return order === column ? 'ascending' : order === `-${column}` ? 'descending' : 'none';
}
