// The table of series: of as many rows as there are, only those in sight stand in the document; further ones are asked for
// before they come into sight.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { answer, loaded, more, next } from './answer.ts';
import { COLUMNS, orderedBy, withColumn } from './explored.ts';
import { focusSoon } from './focus.ts';
import { rowsInSight } from './rows-in-sight.ts';
import { choose, explored, show } from './state.ts';

/** Further rows are asked for when so many are left. */
const LEFT = 40;
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
  const now = answer.value;
  useEffect(() => box.current?.scrollTo({ top: 0 }), [now]);
  const { columns, order } = explored.value;
  const count = loaded.value;
  // It is never higher than the window.
  const { first, last, before, after } = rowsInSight(count, top.value, innerHeight);
  if (last + LEFT > count && next.value !== undefined) void more();
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
            <Space height={before} columns={columns.length + 1} />
            {now?.rows.slice(first, last).map((row, at) => (
              <Line key={row['SeriesInstanceUID']} row={row} number={first + at + 2} columns={columns} />
            ))}
            <Space height={after} columns={columns.length + 1} />
          </tbody>
        </table>
      </section>
    </>
  );
}

/** In the place of rows that are not in sight: so what is keeps its place. */
function Space({ height, columns }: { readonly height: number; readonly columns: number }) {
  if (height === 0) return null;
  return (
    <tr class="space">
      <td colSpan={columns} style={{ height: `${height}px` }} />
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
  const open = () => {
    show({ series: uid });
    focusSoon('.detail h2');
  };
  return (
    <tr aria-rowindex={number} aria-selected={explored.value.series === uid} data-uid={uid} onClick={open}>
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
              onClick={(event) => {
                event.stopPropagation();
                open();
              }}
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
