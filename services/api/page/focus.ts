// Where the keyboard is after something has come or gone.

/** Has the first of these elements that is there be focused when the page shows what has changed. */
export function focusSoon(...selectors: readonly string[]): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      for (const selector of selectors) {
        const found = document.querySelector<HTMLElement>(selector);
        if (found === null) continue;
        found.focus();
        return;
      }
    }),
  );
}
