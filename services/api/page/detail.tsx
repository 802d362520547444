// The series that is open: its header, which can be searched, its files, and a picture of its middle where there is one.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import * as api from './api.ts';
import { detail, explored, grouped, show } from './state.ts';

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
      <h2>
        {series}{' '}
        <button type="button" onClick={() => show({ series: '' })}>
          Close
        </button>
      </h2>
      {found === undefined ? (
        <p>…</p>
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
          <details>
            <summary>
              Files
              {found.instances > found.files.length &&
                `, the first ${found.files.length} of ${grouped(found.instances)}`}
            </summary>
            <ul>
              {found.files.map(({ path, size }) => (
                <li key={path}>
                  {path} <span class="count">{grouped(size)} bytes</span>
                </li>
              ))}
            </ul>
          </details>
        </>
      )}
    </section>
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
