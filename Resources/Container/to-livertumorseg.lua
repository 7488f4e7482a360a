function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] == 'CT' then
    local job = { Resources = { seriesId }, Synchronous = false }
    RestApiPost('/modalities/livertumorseg/store', DumpJson(job, true))
  end
end
