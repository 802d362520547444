// The upper layer's state machine: PS3.8 tables 9-6 to 9-10, letter for letter, as a table. What an action does is with
// whoever drives it; a combination that the table leaves empty is a fault of the driver, or of the table.

/** PS3.8 table 9-6. Sta1 idle; Sta2 to Sta5 establishment; Sta6 data transfer; Sta7 to Sta12 release; Sta13 waits for the close. */
export type State = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13;

/** PS3.8 table 9-10, its first column. `ask…` and `answer…` are primitives of the local user, `pdu…` come from the peer. */
export type Event =
  | 'ask-associate'
  | 'connected'
  | 'pdu-accept'
  | 'pdu-reject'
  | 'connection-indicated'
  | 'pdu-request'
  | 'answer-accept'
  | 'answer-reject'
  | 'ask-data'
  | 'pdu-data'
  | 'ask-release'
  | 'pdu-release'
  | 'pdu-released'
  | 'answer-release'
  | 'ask-abort'
  | 'pdu-abort'
  | 'closed'
  | 'timeout'
  | 'pdu-unknown';

/** PS3.8 tables 9-7 to 9-9. */
export type Action =
  | `AE-${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}`
  | `DT-${1 | 2}`
  | `AR-${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10}`
  | `AA-${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}`;

export interface Transition {
  readonly action: Action;
  /** Undefined where the action decides: AE-6 by whether the request is acceptable, AR-8 by who asked for the association. */
  readonly next: State | undefined;
}

type Row = Partial<Record<State, readonly [Action, State | undefined]>>;

/** `cell` in each of the states. */
function each(states: readonly State[], ...cell: readonly [Action, State | undefined]): Row {
  return Object.fromEntries(states.map((state) => [state, cell]));
}

const FROM_3: readonly State[] = [3, 5, 6, 7, 8, 9, 10, 11, 12];
const unexpected = each(FROM_3, 'AA-8', 13);

const TABLE: Record<Event, Row> = {
  'ask-associate': { 1: ['AE-1', 4] },
  connected: { 4: ['AE-2', 5] },
  'pdu-accept': { ...unexpected, 2: ['AA-1', 13], 5: ['AE-3', 6], 13: ['AA-6', 13] },
  'pdu-reject': { ...unexpected, 2: ['AA-1', 13], 5: ['AE-4', 1], 13: ['AA-6', 13] },
  'connection-indicated': { 1: ['AE-5', 2] },
  'pdu-request': { ...unexpected, 2: ['AE-6', undefined], 13: ['AA-7', 13] },
  'answer-accept': { 3: ['AE-7', 6] },
  'answer-reject': { 3: ['AE-8', 13] },
  'ask-data': { 6: ['DT-1', 6], 8: ['AR-7', 8] },
  'pdu-data': { ...unexpected, 2: ['AA-1', 13], 6: ['DT-2', 6], 7: ['AR-6', 7], 13: ['AA-6', 13] },
  'ask-release': { 6: ['AR-1', 7] },
  'pdu-release': { ...unexpected, 2: ['AA-1', 13], 6: ['AR-2', 8], 7: ['AR-8', undefined], 13: ['AA-6', 13] },
  'pdu-released': {
    ...unexpected,
    2: ['AA-1', 13],
    7: ['AR-3', 1],
    10: ['AR-10', 12],
    11: ['AR-3', 1],
    13: ['AA-6', 13],
  },
  'answer-release': { 8: ['AR-4', 13], 9: ['AR-9', 11], 12: ['AR-4', 13] },
  'ask-abort': { ...each(FROM_3, 'AA-1', 13), 4: ['AA-2', 1] },
  'pdu-abort': { ...each(FROM_3, 'AA-3', 1), 2: ['AA-2', 1], 13: ['AA-2', 1] },
  closed: { ...each([...FROM_3, 4], 'AA-4', 1), 2: ['AA-5', 1], 13: ['AR-5', 1] },
  timeout: { ...each([2, 13], 'AA-2', 1) },
  'pdu-unknown': { ...unexpected, 2: ['AA-1', 13], 13: ['AA-7', 13] },
};

/** What happens at `event` in `state`; undefined where PS3.8 has nothing. */
export function transition(state: State, event: Event): Transition | undefined {
  const cell = TABLE[event][state];
  return cell === undefined ? undefined : { action: cell[0], next: cell[1] };
}
