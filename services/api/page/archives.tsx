// The archives, and what is wrong with them.
import * as api from './api.ts';
import { archives, health } from './beside.ts';
import { grouped, show, trying } from './state.ts';

export function Archives() {
  const wrongWith = health.value;
  return (
    <section aria-label="Archives">
      <table>
        <thead>
          <tr>
            <th scope="col">Archive</th>
            <th scope="col">Indexed</th>
            <th scope="col">Files</th>
            <th scope="col">Instances</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {archives.value.map(({ name, indexedAt, files, instances }) => (
            <tr key={name}>
              <td>{name}</td>
              <td>{indexedAt.slice(0, 19)}Z</td>
              <td>{grouped(files)}</td>
              <td>{grouped(instances)}</td>
              <td>
                <button
                  type="button"
                  onClick={() =>
                    void trying(() =>
                      api.start({ operation: 'index', archive: name }).then(() => show({ view: 'work' })),
                    )
                  }
                >
                  Look at it again
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {wrongWith !== undefined && (
        <>
          <p>
            <button
              type="button"
              onClick={() => void trying(() => api.start({ operation: 'copies' }).then(() => show({ view: 'work' })))}
            >
              Look for instances in several files
            </button>
          </p>
          <h2>Files that are not in the index</h2>
          <ul>
            {wrongWith.skipped.map(({ reason, text, files }) => (
              <li key={reason}>
                {grouped(files)}: {text}
              </li>
            ))}
          </ul>
          <h2>Series with files that have something wrong</h2>
          <ul>
            {Object.entries(wrongWith.issues).map(([issue, count]) => (
              <li key={issue}>
                {grouped(count)}: {issue}
              </li>
            ))}
            <li>{grouped(wrongWith.mixedSeries)}: files disagree in an indexed attribute</li>
          </ul>
        </>
      )}
    </section>
  );
}
