// The series that is open: its header, which can be searched, its files, and a picture of its middle where there is one.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import * as api from './api.ts';
import { detail } from './beside.ts';
import { focusSoon } from './focus.ts';
import { explored, grouped, loading, show } from './state.ts';

export function Detail() {
  const { series } = explored.value;
  const wanted = useSignal('');
  const found = detail.value;
  if (series === '') return null;
  const pattern = wanted.value.toLowerCase();
  const isWanted = ({ key, keyword, text }: { key: string; keyword: string; text: string }) =>
    [key, keyword, text].some((part) => part.toLowerCase().includes(pattern));
  return (
    <section class="detail" aria-label="Series in detail">
      <h2 tabIndex={-1}>
        {series}{' '}
        <button
          type="button"
          onClick={() => {
            show({ series: '' });
            focusSoon(`[data-uid="${series}"] .open`, '.rows');
          }}
        >
          Close
        </button>
      </h2>
      {found === undefined || typeof found === 'string' ? (
        <p>{found ?? '…'}</p>
      ) : (
        <>
          <Preview uid={series} />
          <p>
            {grouped(found.instances)} instances, {(found.bytes / 1e6).toFixed(1)} MB in {found.archive}
          </p>
          <label>
            Find in the header
            <input type="search" value={wanted.value} onInput={(event) => (wanted.value = event.currentTarget.value)} />
          </label>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
          <section class="rows" tabIndex={0} aria-label="Header">
            <table class="header">
              <thead>
                <tr>
                  <th scope="col">Tag</th>
                  <th scope="col">Keyword</th>
                  <th scope="col">VR</th>
                  <th scope="col">Value</th>
                </tr>
              </thead>
              <tbody>
                {found.header.filter(isWanted).map(({ key, keyword, vr, text, note }) => (
                  <tr key={key}>
                    <td>{key}</td>
                    <td>{keyword}</td>
                    <td>{vr}</td>
                    <td>
                      {text}
                      {note !== undefined && <em> ({note})</em>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
          <Files key={series} uid={series} first={found.files} instances={found.instances} />
        </>
      )}
    </section>
  );
}

/** Files that are added at a time: many of them make a page slow. */
const AT_A_TIME = 1000;

interface FilesShown {
  readonly uid: string;
  readonly first: readonly api.SeriesFile[];
  readonly instances: number;
}

/** The first files; the others are asked for when they are wanted. */
function Files({ uid, first, instances }: FilesShown) {
  const all = useSignal<readonly api.SeriesFile[]>(first);
  const shown = useSignal(first.length);
  const more = async () => {
    if (all.value.length < instances) all.value = await api.filesOf(uid);
    shown.value = Math.min(shown.value + AT_A_TIME, all.value.length);
  };
  return (
    <details>
      <summary>
        Files{shown.value < instances && `, the first ${grouped(shown.value)} of ${grouped(instances)}`}
      </summary>
      <ul>
        {all.value.slice(0, shown.value).map(({ path, size }) => (
          <li key={path}>
            {path} <span class="count">{grouped(size)} bytes</span>
          </li>
        ))}
      </ul>
      {shown.value < instances && (
        <button type="button" onClick={() => void loading(more)}>
          Further files
        </button>
      )}
    </details>
  );
}

/** Asked for with the token, so an address alone would not do. */
function Preview({ uid }: { readonly uid: string }) {
  const picture = useSignal('');
  const why = useSignal('');
  useEffect(() => {
    let address = '';
    let isOver = false;
    picture.value = '';
    why.value = '';
    api
      .ask('GET', `series/${uid}/preview.png`)
      .then((answer) => answer.blob())
      .then(
        (blob) => {
          if (!isOver) picture.value = address = URL.createObjectURL(blob);
        },
        (error: Error) => (why.value = error.message),
      );
    return () => {
      isOver = true;
      URL.revokeObjectURL(address);
    };
  }, [uid]);
  if (picture.value !== '') return <img class="preview" src={picture.value} alt="the middle of the series" />;
  return why.value === '' ? null : <p class="count">{why.value}</p>;
}
