/** SVG paths of 24 by 24, drawn as lines. Kept in the page: an icon that is fetched is missing when the service is away. */
export const iconPaths = {
  upload: 'M12 16V4m0 0L7 9m5-5 5 5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3',
  download: 'M12 4v12m0 0 5-5m-5 5-5-5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3',
  list: 'M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01',
  chart: 'M5 20V11m7 9V4m7 16v-6',
  key: 'M8 11a4 4 0 1 0 0 8a4 4 0 0 0 0-8zm3 1 8-8m-4 4 3 3',
  alert: 'M12 4 2.8 19.5h18.4zM12 10v4m0 2.8v.01',
  check: 'M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 0 0 0-17zm-3.5 8.7 2.4 2.4 4.6-5',
  info: 'M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 0 0 0-17zm0 7.5v5m0-8v.01',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 0 0 0-17zm0 4V12l3 2',
  running: 'M20.5 12A8.5 8.5 0 1 1 12 3.5',
  stop: 'M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 0 0 0-17zm-3 5.5h6v6H9z',
  file: 'M6 3h8l5 5v13H6zM14 3v5h5M9.5 13h6m-6 4h6',
  chevron: 'm9 6 6 6-6 6',
  plus: 'M12 5v14M5 12h14',
  close: 'm6 6 12 12M18 6 6 18',
  again: 'M4 12a8 8 0 1 1 2.5 5.8M4 12V6.5M4 12h5.5',
};
